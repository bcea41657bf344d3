"""Supervised learning: a loss between outputs and targets, as a sum over rows."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, Term
from tilth.errors import UserError
from tilth.nn.auxiliary import answers
from tilth.nn.precision import at_least_float32

RowLoss = Callable[[Tensor, Tensor], Tensor]


class Supervised(BaseObjective):
    """Minimise ``loss(model(inputs), targets)`` over the player that is moved.

    loss: (outputs, targets) -> a scalar or one value per row; any ``nn`` loss or own function
    reduction: what a scalar result of ``loss`` is: "sum" or "mean" over the rows; with "rows" it
    is refused, for the mean of a slice need not make up that of the batch (weights of classes)

    >>> import torch
    >>> objective = Supervised(nn.MSELoss(), reduction="mean")
    >>> batch = Batch(torch.zeros(4, 2), torch.ones(4, 1), torch.arange(4))
    >>> model = nn.Linear(2, 1)
    >>> objective(model, batch, None).parts["loss"].count
    4
    """

    def __init__(
        self,
        loss: RowLoss,
        *,
        reduction: str = "sum",
        moves: str = "model",
        separable: bool = True,
    ) -> None:
        self.loss, self.reduction = loss, reduction
        self.moves, self.separable = moves, separable

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the summed loss of a batch, of auxiliary heads too, and its number of rows."""
        outputs, extra, weight = answers(model, batch.inputs)
        parts = {"loss": self._term(outputs, batch)}
        for name, logits in extra.items():
            parts[f"loss_{name}"] = self._term(logits, batch, weight)
        return Loss(parts)

    def _term(self, outputs: Tensor, batch: Batch, weight: float = 1.0) -> Term:
        rows = len(batch.rows)
        return Term(summed(self.loss(outputs, batch.targets), rows, self.reduction), rows, weight)


def summed(found: Tensor, count: int, reduction: str) -> Tensor:
    """Return a loss as the sum over ``count`` rows, whichever way it came."""
    if found.dim() == 0 and reduction == "rows":
        raise one_value_per_row("one number for a slice of a batch")
    if found.dim() == 0:
        return found if reduction == "sum" else found * count
    if len(found) != count:
        raise UserError(
            f"the loss has shape {tuple(found.shape)} for a batch of {count} rows",
            rule="a loss is a scalar or one value per row",
            fix="reduce it over all dimensions but the first",
        )
    return found.reshape(count, -1).mean(dim=1).sum()


def one_value_per_row(found: str) -> UserError:
    """Return the error for a loss that cannot be summed over the slices of a batch."""
    return UserError(
        f"micro_batches with a loss that gives {found}",
        rule="means of slices do not make up the mean of the batch where rows weigh differently",
        fix="let the loss return one value per row (reduction='none'), or use micro_batches=1",
    )


class CrossEntropy:
    """Summed softmax cross entropy, with label smoothing (Szegedy et al. 2016, section 7).

    Called with outputs [B, K] logits and targets [B] int64 class ids, or [B, K] float shares of
    the classes, which sum to 1 (Zhang et al. 2018, mixup).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over the batch, computed in float32 or wider."""
        return F.cross_entropy(
            at_least_float32(outputs),
            targets,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the summed squared error of [B] or [B, 1] outputs and [B] targets."""
    return F.mse_loss(at_least_float32(outputs).reshape(targets.shape), targets, reduction="sum")


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the sum over rows of the mean over labels: logits [B, K], targets 0 to 1 [B, K]."""
    logits = at_least_float32(outputs)
    each = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
    return each.mean(dim=1).sum()


def point_distance(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return each row's mean distance along x and y (L1) over the points that are there.

    outputs: [B, 2 P]; targets: [B, P, 2], NaN where a point is not there -> [B], 0 without any
    """
    there = ~targets.isnan()
    gaps = (at_least_float32(outputs).reshape(targets.shape) - targets.nan_to_num()).abs()
    return (gaps * there).flatten(1).sum(dim=1) / there.flatten(1).sum(dim=1).clamp(min=1)
