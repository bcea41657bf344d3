"""One number, for any kind of input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Target
from tilth.errors import UserError
from tilth.nn.precision import at_least_float32
from tilth.tasks import Array, Predictions
from tilth.tasks._metrics import NUMBER_METRICS, with_own
from tilth.tasks._predicting import Predicting

TARGET = "number"
PIPELINES = {"table": "tabular-regression"}
"""Kind of data -> what the hub calls it (https://huggingface.co/docs/hub/models-tasks)."""


class Regress(Predicting):
    """Squared error on the target standardised with train statistics.

    Between ``low`` and ``high``, where they are given: a sigmoid spans the range.
    """

    name = "regress"
    outputs = 1

    def __init__(
        self,
        target: Target,
        *,
        metrics: Sequence[Any] = (),
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        check_range(low, high)
        self.target, self.low, self.high = target, low, high
        self.metrics, first = with_own(NUMBER_METRICS, metrics)
        self.main_metric = first or "rmse"

    def objective(self) -> Objective:
        """Return squared error over the batch."""
        # here, because prediction needs the rest of this file but nothing of training
        from tilth.objectives.supervised import Supervised, squared_error

        return Supervised(lambda outputs, targets: squared_error(self.within(outputs), targets))

    @property
    def decision(self) -> dict[str, float]:
        """The range that answers stay in, where there is one."""
        return {} if self.low is None or self.high is None else {"low": self.low, "high": self.high}

    def within(self, outputs: Tensor) -> Tensor:
        """Return standardised numbers: outputs, or what a sigmoid makes of them in the range."""
        if self.low is None or self.high is None:
            return outputs
        spanned = self.low + (self.high - self.low) * at_least_float32(outputs).sigmoid()
        return (spanned - self.target.mean) / self.target.scale

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn outputs [N] or [N, 1] into numbers in the target's units."""
        standard = self.within(outputs.double()).reshape(-1).numpy()
        values = standard * self.target.scale + self.target.mean
        return Predictions(values, values)

    def truths(self, targets: Tensor) -> Array:
        """Return the targets in their own units."""
        return targets.double().numpy() * self.target.scale + self.target.mean

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return each row's squared error, standardised."""
        return (self.within(outputs.double()).reshape(-1) - targets.double()) ** 2


def check_range(low: float | None, high: float | None) -> None:
    """Raise UserError for half a range, or one that holds nothing."""
    if (low is None) != (high is None) or (low is not None and high is not None and low >= high):
        raise UserError(
            f"low={low}, high={high}",
            rule="a range has both ends, the lower one first",
            fix="a little beyond the values that there are: an end is never quite reached",
        )


def regress(
    *,
    target: Target,
    metrics: Sequence[Any] = (),
    low: float | None = None,
    high: float | None = None,
) -> Regress:
    """Return the task of predicting a number.

    low, high: what every answer lies between, in the target's units
    Raises UserError for half a range, or one that holds nothing.

    >>> regress(target=Target("price", "number", mean=10.0, scale=2.0)).main_metric
    'rmse'
    """
    return Regress(target, metrics=metrics, low=low, high=high)
