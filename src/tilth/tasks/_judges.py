"""What generated rows are compared in: points in themselves, pictures in features of a net.

The net has learned the targets of train, always in the same way; where there are no targets, it
is one of fixed random weights. Two runs on the same data are judged by the same net, whose hash
stands beside the scores. They are never comparable with scores of other features, such as those of
Inception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.data.dataset import Rows
from tilth.data.image_set import ImageData
from tilth.data.source import in_order, steps_in
from tilth.nn.features import features, fingerprint
from tilth.nn.kernel_discrepancy import Kernel, cubic, minus_distance, pair_values
from tilth.randomness import numpy_generator
from tilth.tasks._fixed_net import fixed_net
from tilth.tasks._taught_net import Lesson, taught

MOST_STEPS, MOST_PASSES, BATCH = 800, 20, 64
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
    if not isinstance(data, ImageData):
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


def _of_pictures(data: ImageData, device: torch.device) -> Judge:
    net = taught(data, lesson(data), device).eval().requires_grad_(False)

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


def lesson(data: ImageData) -> Lesson:
    """Return how a small convolutional net learns the targets of train."""
    rows = len(data.splits["train"])
    batch = min(BATCH, rows)
    shape = {key: data.model_arguments()[key] for key in ("channels", "size")}
    return Lesson(
        "judge",
        "two_conv",
        {**shape, "outputs": len(data.target.labels) or 1, "width": 16},
        batch=batch,
        steps=min(MOST_STEPS, MOST_PASSES * steps_in(rows, batch)),
        rate=2e-3,
        decay=0.01,
    )
