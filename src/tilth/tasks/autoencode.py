"""Rows to a few numbers and back."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tilth.contracts import Objective
from tilth.data.dataset import Rows
from tilth.errors import UserError
from tilth.objectives.autoencode import CORRUPTION, Autoencode
from tilth.tasks import Metric
from tilth.tasks._item_means import mean_of
from tilth.tasks._reconstructing import Reconstructing, shape_of


class AutoencodeTask(Reconstructing):
    """Squared error of rows that come back, clean where they were corrupted."""

    name = "autoencode"
    model = "autoencoder"
    main_metric = "mse"

    def __init__(self, corruption: float) -> None:
        if not corruption >= 0:
            raise UserError(f"corruption={corruption}", rule="it is a standard deviation, or 0")
        self.corruption = corruption
        self.metrics = {"mse": Metric("mse", mean_of(0), "min")}

    def objective(self) -> Objective:
        """Return the squared error over the batch."""
        return Autoencode(corruption=self.corruption)

    def noise(self, data: Rows, model: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return numbers in the shape of a row, where rows are corrupted."""
        return {CORRUPTION: shape_of(data)} if self.corruption else {}

    def row_values(self, model: nn.Module, inputs: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return each row's mean squared error, of what comes back from its corrupted form."""
        seen = inputs
        if self.corruption:
            seen = inputs + self.corruption * noise[CORRUPTION]
        errors: Tensor = (model(seen) - inputs).square()
        return errors.flatten(1).mean(1, keepdim=True)


def autoencode(*, corruption: float = 0.0) -> AutoencodeTask:
    """Return the task of giving rows back; corruption: sd of the noise added to what is seen.

    >>> autoencode(corruption=0.3).main_metric
    'mse'
    """
    return AutoencodeTask(corruption)
