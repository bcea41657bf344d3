"""Scores of generated rows in the features of a net that was trained here.

They rank generators that were judged by the same net on the same number of rows, and are never
comparable with the FID, KID or precision of papers, whose features are those of one Inception net.
Hence the net's hash stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tilth.audit.collapse import LEAST_ROWS, Collapse, collapse
from tilth.audit.coverage import coverage
from tilth.audit.frechet import frechet_distance
from tilth.audit.kernel_distance import kernel_distance
from tilth.nn.features import features, fingerprint

NOTE = "not comparable with Inception FID, nor with any other net's features"


@dataclass(frozen=True)
class GeneratedScores:
    """How near generated rows are to real ones, in the features of one net.

    frechet: squared distance of fitted Gaussians; kernel, kernel_error: unbiased discrepancy and
    its standard error; precision, recall: shares in [0, 1]; collapse: modes left out, repeats;
    None where there are fewer than 200 rows
    rows: of each set; feature_net: hash of the net
    """

    frechet: float
    kernel: float
    kernel_error: float
    precision: float
    recall: float
    collapse: Collapse | None
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
        collapse=collapse(first, second, seed=seed) if count >= LEAST_ROWS else None,
        rows=count,
        feature_net=fingerprint(net),
    )
