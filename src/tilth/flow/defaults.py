"""The defaults that depend on the data, each with its reason. Measured choices: docs/log.md."""

from __future__ import annotations

from tilth.data.dataset import Data
from tilth.data.usual import Usual

SAMPLES = 300_000  # rows seen in a default training: minutes on two cores, enough for small nets


def batch_size(usual: Usual, rows: int) -> int:
    """Return a power of two: the kind's size, halved until an epoch has sixteen steps.

    >>> from tilth.data.image_set import ImageData
    >>> [batch_size(ImageData.usual, rows) for rows in (10, 1258, 51000)]
    [8, 64, 128]
    """
    size = usual.most_in_batch(rows)
    while size > 8 and rows < 16 * size:
        size //= 2
    return min(size, rows)


def epochs(usual: Usual, rows: int) -> int:
    """Return how often to pass over train: about SAMPLES rows in all, within the kind's range.

    >>> from tilth.data.image_set import ImageData
    >>> [epochs(ImageData.usual, rows) for rows in (51000, 8500, 1258)]
    [6, 35, 40]
    """
    low, high = usual.epochs
    return max(low, min(high, round(SAMPLES / rows)))


def patience(epochs: int) -> int:
    """Return how many looks at valid without improvement are allowed: a third, at least 5.

    While a one-cycle's rate is high, scores wander and say little of where they will end: with 5
    of 35 epochs a run on cifar10_small stopped at the peak rate with 65 % (docs/log.md).

    >>> patience(5), patience(35)
    (5, 11)
    """
    return max(5, epochs // 3)


def label_smoothing(usual: Usual, data: Data) -> float:
    """Return the usual smoothing for three classes or more, else none."""
    return usual.label_smoothing if len(data.target.labels) > 2 else 0.0
