"""The defaults that depend on the data, each with its reason. Measured choices: docs/log.md."""

from __future__ import annotations

from tilth.data.dataset import Data
from tilth.data.usual import Usual


def patience(epochs: int) -> int:
    """Return how many looks at valid without improvement are allowed: a third, at least 5.

    While a one-cycle's rate is high, scores wander and say little of where they will end: with 5
    of 35 epochs a run on cifar10_small stopped at the peak rate with 65 % (docs/log.md).

    >>> patience(5), patience(35)
    (5, 11)
    """
    return max(5, epochs // 3)


def label_smoothing(usual: Usual, data: Data) -> float:
    """Return the usual smoothing for one of three classes or more, else none."""
    several = data.target.kind == "classes" and len(data.target.labels) > 2
    return usual.label_smoothing if several else 0.0
