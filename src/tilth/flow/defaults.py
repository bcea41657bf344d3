"""The defaults that depend on the data, each with its reason. Measured choices: docs/log.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tilth.data.dataset import Data

SAMPLES = 300_000  # rows seen in a default training: minutes on two cores, enough for small nets


@dataclass(frozen=True)
class Family:
    """Default numbers of one kind of data.

    lr: peak rate of AdamW with one-cycle; batch_size: the largest used by default
    epochs: fewest and most passes over train
    """

    model: str
    lr: float
    weight_decay: float
    batch_size: int
    epochs: tuple[int, int]
    label_smoothing: float


FAMILIES = {
    "images": Family("small_resnet", 0.004, 0.5, 128, (5, 40), 0.1),
    "table": Family("tabular_mlp", 0.003, 0.01, 256, (5, 100), 0.0),
    "dataset": Family("", 0.001, 0.01, 64, (5, 30), 0.0),
}


def network(data: Data) -> dict[str, Any]:
    """Return arguments of the family's net that depend on the data.

    Pictures without colour need half the width: a quarter of the work, and MNIST keeps its
    accuracy. Dropout helps a table's classes and hurts its numbers: valid AUC on Adult is 0.9196
    without and 0.9213 with it, valid R2 on bike sharing 0.930 without and 0.889 with it.
    """
    if data.kind == "table" and data.target.kind == "classes":
        return {"dropout": 0.2, "embedding_dropout": 0.1}
    if data.kind == "images" and data.model_arguments()["channels"] == 1:
        return {"width": 32}
    return {}


def batch_size(kind: str, rows: int) -> int:
    """Return a power of two: the family's size, halved until an epoch has sixteen steps.

    >>> batch_size("images", 1258), batch_size("images", 51000), batch_size("table", 10)
    (64, 128, 8)
    """
    size = FAMILIES[kind].batch_size * (4 if kind == "table" and rows >= 200_000 else 1)
    while size > 8 and rows < 16 * size:
        size //= 2
    return min(size, rows)


def epochs(kind: str, rows: int) -> int:
    """Return how often to pass over train: about SAMPLES rows in all, within the family's range.

    >>> epochs("images", 51000), epochs("images", 8500), epochs("images", 1258)
    (6, 35, 40)
    """
    low, high = FAMILIES[kind].epochs
    return max(low, min(high, round(SAMPLES / rows)))


def patience(epochs: int) -> int:
    """Return how many looks at valid without improvement are allowed: a third, at least 5.

    While a one-cycle's rate is high, scores wander and say little of where they will end: with 5
    of 35 epochs a run on cifar10_small stopped at the peak rate with 65 % (docs/log.md).

    >>> patience(5), patience(35)
    (5, 11)
    """
    return max(5, epochs // 3)


def label_smoothing(data: Data) -> float:
    """Return the family's smoothing for three classes or more, else none."""
    return FAMILIES[data.kind].label_smoothing if len(data.target.labels) > 2 else 0.0
