"""What generated rows are compared in: points in themselves, pictures in features of a net.

The net is trained here on train, to tell its targets, always in the same way; where there are no
targets, it is one of fixed random weights. Two runs on the same data are judged by the same net,
whose hash stands beside the scores. They are never comparable
with scores of other features, such as those of Inception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import Player
from tilth.data.dataset import Rows
from tilth.data.source import DatasetSource, in_order, steps_in
from tilth.models.two_conv import two_conv
from tilth.nn.features import features, fingerprint
from tilth.nn.kernel_discrepancy import Kernel, cubic, minus_distance, pair_values
from tilth.objectives.supervised import CrossEntropy, Supervised, squared_error
from tilth.randomness import fold, numpy_generator
from tilth.tasks._fixed_net import fixed_net
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle
from tilth.train.streams import seeded

MOST_STEPS, MOST_PASSES, BATCH, RATE, WIDTH = 800, 20, 64, 2e-3, 16
MOST_NEIGHBOURS = 10_000
MOST_SCALED = 1000  # train pictures that features of a fixed net are standardised by
NOTE = "Not comparable with Inception FID, nor with scores in any other net's features."


@dataclass(frozen=True)
class Judge:
    """A way to compare rows, and to read which label they show.

    body: rows -> [B, D] features; kernel: that pairs of features are compared by
    read: rows [B, ...] -> [B] label ids; told: in words what the features are
    """

    body: nn.Module
    kernel: Kernel
    read: Callable[[Tensor], Tensor]
    told: str

    def distances(self, real: Tensor, made: Tensor) -> Tensor:
        """Return [N] values whose mean is how far ``made`` rows are from ``real`` ones."""
        first, second = (torch.from_numpy(features(self.body, rows)) for rows in (real, made))
        return pair_values(first, second, self.kernel)


def judge_of(data: Rows, device: torch.device) -> Judge:
    """Return the judge for a data set: made of its train rows alone, the same for every run."""
    if data.kind != "images":
        return _of_points(data)
    return _untaught(data) if data.target.kind == "none" else _of_pictures(data, device)


def inputs_of(data: Rows, rows: Any) -> Tensor:
    """Return the inputs of some rows, on the CPU."""
    given = (data.store, data.targets, rows, min(len(rows), 4 * BATCH))
    return torch.cat(
        [batch.inputs for batch in in_order(*given, prepare=data.prepare(train=False))]
    )


def some_rows(data: Rows, split: str, most: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return at most so many rows of a split, drawn by chance and always the same."""
    rows = data.splits[split]
    if len(rows) <= most:
        return rows
    return np.sort(numpy_generator(0, "judged", split).permutation(rows)[:most])


def _of_points(data: Rows) -> Judge:
    rows = some_rows(data, "train", MOST_NEIGHBOURS)
    train, labels = inputs_of(data, rows), data.targets[torch.from_numpy(rows)]

    def read(points: Tensor) -> Tensor:
        return torch.cat(
            [labels[torch.cdist(p, train).argmin(1)] for p in torch.split(points.cpu(), 500)]
        )

    return Judge(
        nn.Flatten(), minus_distance, read, "The points are compared as they are (energy distance)."
    )


def _of_pictures(data: Rows, device: torch.device) -> Judge:
    net = _trained(data, device)

    def read(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat(
                [net(p.to(device)).argmax(1).cpu() for p in torch.split(pictures, 4 * BATCH)]
            )

    told = (
        f"Pictures are compared in the features of a small net that was trained on train to tell "
        f"{data.target.name} (hash {fingerprint(net.body)}). {NOTE}"
    )
    return Judge(net.body, cubic, read, told)


def _untaught(data: Rows) -> Judge:
    """Return the judge of pictures without targets: nothing there could be learned to tell."""
    shape = {key: data.model_arguments()[key] for key in ("channels", "size")}
    net = fixed_net(shape, inputs_of(data, some_rows(data, "train", MOST_SCALED)))
    told = (
        "Pictures are compared in the features of a small net with fixed random weights, because "
        f"there are no targets to learn from (hash {fingerprint(net)}). {NOTE}"
    )

    def read(pictures: Tensor) -> Tensor:
        return torch.zeros(len(pictures), dtype=torch.int64)  # of rows that have no label

    return Judge(net, cubic, read, told)


def _trained(data: Rows, device: torch.device) -> Any:
    """Return a small convolutional net that has learned the targets of train."""
    classes = data.target.kind == "classes"
    known = {key: data.model_arguments()[key] for key in ("channels", "size")}
    with seeded(fold(0, "judge"), device):
        net = two_conv(**known, outputs=len(data.target.labels) or 1, width=WIDTH).to(device)
    rows = data.splits["train"]
    size = min(BATCH, len(rows))
    source = DatasetSource(
        data.store,
        data.targets,
        rows,
        size,
        prepare=data.prepare(train=False),
        seed=fold(0, "judge"),
        device=device,
    )
    moves = Player(list(net.parameters()), adamw(net, RATE), one_cycle(), 1.0)
    Loop(
        net,
        [Supervised(CrossEntropy() if classes else squared_error)],
        source,
        {"model": moves},
        total_steps=min(MOST_STEPS, MOST_PASSES * steps_in(len(rows), size)),
        device=device,
    ).fit()
    return net.eval().requires_grad_(False)
