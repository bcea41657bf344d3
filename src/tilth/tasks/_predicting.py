"""What tasks share that predict a target from each row's inputs, one player learning it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Data, Target, as_rows
from tilth.data.usual import Usual
from tilth.tasks import Array, Metric, Predictions, score
from tilth.tasks._sizes import Sizes, sizes_of_rows

if TYPE_CHECKING:
    from tilth.tasks._setup import Setup, TrainingParts


class Predicting(ABC):
    """A task whose model gives each row ``outputs`` numbers, judged against its target.

    Nothing of training is imported before it is asked for: predictors need the rest alone.
    """

    name: str
    target: Target
    outputs: int
    metrics: Mapping[str, Metric]
    main_metric: str
    answers = look = "predictions"

    @property
    def decision(self) -> dict[str, float]:
        """What it decides by, beside the target: plain numbers that a bundle carries."""
        return {}

    @abstractmethod
    def objective(self) -> Objective:
        """Return what is minimised where there is no loss of the user's own."""

    @abstractmethod
    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn raw model outputs [N, K] into predictions."""

    def chosen(self, values: Array) -> Array:
        """Return the answers to ``values`` of ``decode``: the likeliest class, a number itself."""
        return np.asarray(values.argmax(axis=1)) if self.target.kind == "classes" else values

    @abstractmethod
    def truths(self, targets: Tensor) -> Array:
        """Turn encoded targets [N] into what the metrics compare with."""

    @abstractmethod
    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the loss of each row, without smoothing: what "worst errors" sorts by."""

    def adapt(self, data: Data) -> Data:
        """Return the data as it is; raise UserError for a world, which has no rows."""
        return as_rows(data)

    def usual(self, data: Data) -> Usual:
        """Return the defaults: those of the kind of data."""
        return data.usual

    def model_arguments(self, data: Data) -> dict[str, object]:
        """Return what a model builder must know: the data's shape and the width of its head."""
        return {**data.model_arguments(), "outputs": self.outputs}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many training rows, where nothing was given."""
        return sizes_of_rows(self.usual(data), len(data.splits["train"]), batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Try the model on two rows; raise UserError where it does not give what is needed."""
        from tilth.tasks._training import check

        check(self, setup)

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player on shuffled batches of train."""
        from tilth.tasks._training import parts

        return parts(self, setup)

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return the loss and every metric of the model on a split."""
        from tilth.tasks._training import outputs

        found = outputs(setup, split)
        losses = self.row_losses(found.outputs, found.targets)
        return {"loss": float(losses.mean()), **self.scores(found.outputs, found.targets)}

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Return every metric for raw outputs [N, K] and encoded targets [N, ...]."""
        return score(self, outputs, targets)
