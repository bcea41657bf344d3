"""One file per kind of problem: head, objective, metrics, decoding. This is their contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tilth.errors import UserError

if TYPE_CHECKING:
    from tilth.data.dataset import Data
    from tilth.data.usual import Usual
    from tilth.tasks._predicting import Predicting
    from tilth.tasks._setup import Setup, TrainingParts
    from tilth.tasks._sizes import Sizes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    function: (predictions, targets) -> float. For classes: [N, K] probabilities and [N] class
    ids; for numbers: [N] values and [N] true values, both in the target's own units
    mode: whether more ("max") or less ("min") is better
    error: (value, rows) -> its standard error, where the value alone tells it, as of a share

    >>> Metric("error", lambda chances, classes: (chances.argmax(1) != classes).mean(), "min").mode
    'min'
    """

    name: str
    function: Callable[[Array, Array], float]
    mode: Literal["max", "min"] = "max"
    error: Callable[[float, int], float] | None = None


@dataclass(frozen=True)
class Predictions:
    """Decoded outputs.

    values: [N, K] probabilities for classes, [N] numbers in the target's units otherwise
    answers: [N] class ids, or the same numbers
    """

    values: Array
    answers: NDArray[np.float64] | NDArray[np.int64]


class Task(Protocol):
    """A kind of problem: what is trained for it, and how well it is done."""

    name: str
    metrics: Mapping[str, Metric]
    main_metric: str
    answers: str  # what a bundle of it gives: one of ``ship.bundle.ANSWERS``
    look: str  # the file of ``audit/looks`` that looks at what was trained

    def adapt(self, data: Data) -> Data:
        """Return the data in the form that the task learns from; refuse what it cannot."""
        ...

    def usual(self, data: Data) -> Usual:
        """Return the defaults for this data."""
        ...

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return what the builder of a model must know."""
        ...

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return batch size, updates between two looks at valid, and how many looks."""
        ...

    def check(self, setup: Setup) -> None:
        """Raise UserError where the model does not fit, before anything is trained."""
        ...

    def parts(self, setup: Setup) -> TrainingParts:
        """Return objectives, source and players for one phase."""
        ...

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return every metric of the model on a split, by its plain name."""
        ...


def score(
    task: Predicting, outputs: Tensor, targets: Tensor, temperature: float = 1.0
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
