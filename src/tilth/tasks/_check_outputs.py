"""Does a model give each row the numbers that its task needs? Asked before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.data.dataset import Target
from tilth.errors import UserError, first_line
from tilth.nn.modes import modes_kept
from tilth.train.streams import seeded
from tilth.tree import leaves
from tilth.wording import counted

if TYPE_CHECKING:
    from tilth.tasks._predicting import Predicting


def check_outputs(
    model: nn.Module, batch: Batch, task: Predicting, device: torch.device, *, seed: int
) -> None:
    """Raise UserError where the model does not give each row the numbers that the task needs."""
    found = first_answer(model, batch.inputs, device, seed=seed)
    rows, needed = len(batch.rows), task.outputs
    if isinstance(found, Tensor):
        table = found.dim() == 2 or not task.target.labels  # a number needs no second dimension
        if table and found.numel() == rows * needed:
            return
    raise UserError(
        f"the model gives {given(found, rows)}",
        rule=f"{needs(task.target)}, so a batch of {counted(rows, 'row')} gives [{rows}, {needed}]",
        fix=f"let its last layer have {counted(needed, 'output')}",
    )


def first_answer(
    model: nn.Module,
    inputs: Any,
    device: torch.device,
    *,
    seed: int,
    ask: Callable[[Any], Any] | None = None,
) -> Any:
    """Return what a model gives for a batch; raise UserError where it cannot take it.

    It is asked once, in evaluation mode; modes and random streams are left as they were.
    seed: of the first weights of lazy layers, which this call gives them
    ask: how, where not by calling the model
    """
    model.to(device)
    # no inference_mode: what a net keeps of its first call may meet gradients later
    with modes_kept(model), seeded(seed, device), torch.no_grad():
        model.eval()
        try:
            return (ask or model)(inputs)
        except (RuntimeError, TypeError, ValueError) as error:
            rows = len(next(iter(leaves(inputs))))
            raise UserError(
                f"the model cannot take a batch of this data ({first_line(error)})",
                rule=f"a batch of {counted(rows, 'row')} is {shapes(inputs)}",
                fix="let its first layer take that",
            ) from error


def shapes(inputs: Any) -> str:
    """Return in words what a batch is.

    >>> shapes(torch.zeros(2, 3)), shapes([torch.zeros(2), torch.zeros(2, 4)])
    ('float32 [2, 3]', 'float32 [2] and float32 [2, 4]')
    """
    told = [f"{str(leaf.dtype).partition('.')[2]} {list(leaf.shape)}" for leaf in leaves(inputs)]
    return " and ".join(told)


def given(found: object, rows: int) -> str:
    """Return in words what a model gave for some rows.

    >>> given(torch.zeros(2, 5), 2), given(torch.zeros(3), 2), given({}, 2)
    ('5 numbers a row', 'the shape [3] for 2 rows', 'a dict')
    """
    if not isinstance(found, Tensor):
        return f"a {type(found).__name__}"
    if found.dim() and len(found) == rows and found.dim() <= 2:
        return f"{counted(found.numel() // rows, 'number')} a row"
    return f"the shape {list(found.shape)} for {counted(rows, 'row')}"


def needs(target: Target) -> str:
    """Return in words how many numbers a row a target needs."""
    count = len(target.labels)
    return f"{counted(count, 'class')} need {count}" if count else "a number needs 1"
