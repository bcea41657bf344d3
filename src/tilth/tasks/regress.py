"""One number, for any kind of input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Target
from tilth.tasks import Array, Predictions
from tilth.tasks._metrics import NUMBER_METRICS, with_own
from tilth.tasks._predicting import Predicting

TARGET = "number"
PIPELINES = {"table": "tabular-regression"}
"""Kind of data -> what the hub calls it (https://huggingface.co/docs/hub/models-tasks)."""


class Regress(Predicting):
    """Squared error on the target standardised with train statistics."""

    name = "regress"
    outputs = 1

    def __init__(self, target: Target, *, metrics: Sequence[Any] = ()) -> None:
        self.target = target
        self.metrics, first = with_own(NUMBER_METRICS, metrics)
        self.main_metric = first or "rmse"

    def objective(self) -> Objective:
        """Return squared error over the batch."""
        # here, because prediction needs the rest of this file but nothing of training
        from tilth.objectives.supervised import Supervised, squared_error

        return Supervised(squared_error)

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn outputs [N] or [N, 1] into numbers in the target's units."""
        values = outputs.double().reshape(-1).numpy() * self.target.scale + self.target.mean
        return Predictions(values, values)

    def truths(self, targets: Tensor) -> Array:
        """Return the targets in their own units."""
        return targets.double().numpy() * self.target.scale + self.target.mean

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return each row's squared error, standardised."""
        return (outputs.double().reshape(-1) - targets.double()) ** 2


def regress(*, target: Target, metrics: Sequence[Any] = ()) -> Regress:
    """Return the task of predicting a number.

    >>> regress(target=Target("price", "number", mean=10.0, scale=2.0)).main_metric
    'rmse'
    """
    return Regress(target, metrics=metrics)
