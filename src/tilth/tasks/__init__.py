"""One file per kind of problem: head, objective, metrics, decoding. This is their contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Target
from tilth.errors import UserError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    function: (predictions, targets) -> float. For classes: [N, K] probabilities and [N] class
    ids; for numbers: [N] values and [N] true values, both in the target's own units
    mode: whether more ("max") or less ("min") is better

    >>> Metric("error", lambda chances, classes: (chances.argmax(1) != classes).mean(), "min").mode
    'min'
    """

    name: str
    function: Callable[[Array, Array], float]
    mode: Literal["max", "min"] = "max"


@dataclass(frozen=True)
class Predictions:
    """Decoded outputs.

    values: [N, K] probabilities for classes, [N] numbers in the target's units otherwise
    answers: [N] class ids, or the same numbers
    """

    values: Array
    answers: NDArray[np.float64] | NDArray[np.int64]


class Task(Protocol):
    """A kind of problem."""

    name: str
    target: Target
    outputs: int  # width of the model's head
    metrics: Mapping[str, Metric]
    main_metric: str

    def objective(self) -> Objective:
        """Return what is minimised."""
        ...

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn raw model outputs [N, K] into predictions."""
        ...

    def truths(self, targets: Tensor) -> Array:
        """Turn encoded targets [N] into what the metrics compare with."""
        ...

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the loss of each row, without smoothing: what "worst errors" sorts by."""
        ...


def score(
    task: Task, outputs: Tensor, targets: Tensor, temperature: float = 1.0
) -> dict[str, float]:
    """Return every metric of the task for raw outputs and encoded targets."""
    predictions, truths = task.decode(outputs, temperature), task.truths(targets)
    return {
        name: measured(metric, predictions.values, truths) for name, metric in task.metrics.items()
    }


def measured(metric: Metric, predictions: Array, truths: Array) -> float:
    """Return what a metric says; raise UserError where that is no number."""
    found = metric.function(predictions, truths)
    try:
        return float(found)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"the metric {metric.name!r} gave {found!r:.80}",
            rule="a metric is a function of (predictions, targets) that gives one number",
        ) from error
