"""Scores of generated rows in the features of a net that was trained here.

They rank generators that were judged by the same net on the same number of rows, and are never
comparable with the FID, KID or precision of papers, whose features are those of one Inception net.
Hence the net's hash stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tilth.audit.collapse import Collapse, collapse
from tilth.audit.coverage import coverage
from tilth.audit.frechet import frechet_distance
from tilth.audit.kernel_distance import kernel_distance
from tilth.errors import UserError
from tilth.nn.fingerprint import fingerprint
from tilth.nn.modes import modes_kept

FloatArray = NDArray[np.float64]

MOST_FEATURES = 2048  # a covariance of that side is 32 MB
NOTE = "not comparable with Inception FID, nor with any other net's features"


@dataclass(frozen=True)
class GeneratedScores:
    """How near generated rows are to real ones, in the features of one net.

    frechet: squared distance of fitted Gaussians; kernel, kernel_error: unbiased discrepancy and
    its standard error; precision, recall: shares in [0, 1]; collapse: modes left out, repeats
    rows: of each set; feature_net: hash of the net
    """

    frechet: float
    kernel: float
    kernel_error: float
    precision: float
    recall: float
    collapse: Collapse
    rows: int
    feature_net: str
    note: str = NOTE


def generated_scores(
    net: nn.Module, real: Tensor, generated: Tensor, *, seed: int = 0
) -> GeneratedScores:
    """Score generated samples [M, ...] beside real ones [N, ...], as many of each as there are.

    net: samples -> features [B, D], such as the ``body`` of a classifier trained on these data

    Raises UserError for features that are not one vector of at most 2,048 numbers per row.
    """
    count = min(len(real), len(generated))
    first, second = (features(net, rows[:count]) for rows in (real, generated))
    kernel, reached = kernel_distance(first, second), coverage(first, second)
    return GeneratedScores(
        frechet=frechet_distance(first, second),
        kernel=kernel.value,
        kernel_error=kernel.error,
        precision=reached.precision,
        recall=reached.recall,
        collapse=collapse(first, second, seed=seed),
        rows=count,
        feature_net=fingerprint(net),
    )


def features(net: nn.Module, samples: Tensor, *, batch_size: int = 256) -> FloatArray:
    """Return [N, D] float64 features of samples, in evaluation mode; modes are put back.

    >>> features(nn.Flatten(), torch.ones(3, 1, 2, 2)).shape
    (3, 4)
    """
    place: Any = next(net.parameters(), samples).device
    with modes_kept(net), torch.no_grad():
        net.eval()
        found = torch.cat([net(part.to(place)).cpu() for part in torch.split(samples, batch_size)])
    if found.dim() != 2 or found.shape[1] > MOST_FEATURES:
        raise UserError(
            f"features of shape {tuple(found.shape[1:])}",
            rule=f"a feature net gives one vector of at most {MOST_FEATURES:,} numbers per row",
            fix="give the body of a classifier",
        )
    return found.double().numpy()
