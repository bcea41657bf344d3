"""Metrics of tasks that give every item some numbers: their means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from tilth.tasks import Array, Metric
from tilth.tasks._setup import Setup


class ItemMeans(ABC):
    """What such tasks share: every metric is a column of their values."""

    metrics: Mapping[str, Metric]

    @abstractmethod
    def values(self, setup: Setup, split: str) -> Array:
        """Return [items, metrics] of a split, in the order of ``metrics``."""

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return the mean of every metric over the items of a split."""
        means = self.values(setup, split).mean(axis=0)
        return dict(zip(self.metrics, means.tolist(), strict=True))


def mean_of(column: int) -> Callable[[Array, Array], float]:
    """Return a metric's function: the mean of one number of every item.

    It is given [items, numbers], and truths that it does not look at.

    >>> import numpy as np
    >>> mean_of(1)(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))
    3.0
    """
    return lambda values, truths: float(values[:, column].mean())
