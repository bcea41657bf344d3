"""What does not fit together is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.data.dataset import Data, Target
from tilth.errors import UserError, first_line
from tilth.flow.settings import TrainSettings
from tilth.objectives.supervised import one_value_per_row
from tilth.tasks import Task
from tilth.train.modes import modes_kept
from tilth.train.streams import seeded
from tilth.tree import leaves
from tilth.wording import counted


def check_parts(model: object, loss: object, hooks: Sequence[object]) -> None:
    """Raise UserError for parts of the user's own that are of the wrong kind."""
    if isinstance(model, type):
        raise UserError(
            f"the class {model.__name__} as the model",
            rule="a model is a network that is made already, or a name",
            fix=f"{model.__name__}(...)",
        )
    if not (model is None or isinstance(model, str | nn.Module)):
        raise UserError(f"model={model!r:.80}", rule="a model is an nn.Module or a name")
    if not (loss is None or callable(loss)) or isinstance(loss, type):
        raise UserError(
            f"loss={getattr(loss, '__name__', repr(loss)):.80}",
            rule="a loss is a function or a module of (outputs, targets)",
            fix="torch.nn.MSELoss() or your own function; without loss= the task's is taken",
        )
    for hook in hooks:
        if isinstance(hook, type) or not hasattr(hook, "after_step"):
            raise UserError(
                f"the hook {getattr(hook, '__name__', repr(hook)):.80}",
                rule="a hook is an object with the methods of tl.BaseHook",
                fix="derive a class from tl.BaseHook and give one of it: hooks=[MyHook()]",
            )


def check_data(data: Data) -> None:
    """Raise UserError where nothing can be learned or judged: one class, or an empty split."""
    if not isinstance(data, Data):
        raise UserError(
            f"a {type(data).__name__} as the data",
            rule="a learner learns from what tl.images, tl.table, tl.arrays or tl.dataset gives",
            fix="tl.arrays(inputs, targets) for arrays, tl.dataset(...) for your own Dataset",
        )
    labels = data.target.labels
    if data.target.kind == "classes" and len(labels) < 2:
        raise UserError(
            f"{data.name} has one class, {', '.join(labels)}",
            rule="telling classes apart needs at least two",
            fix="add examples of another class, or look at how the labels were read",
        )
    for split in ("train", "valid", "test"):
        if len(data.splits[split]) == 0:
            raise UserError(
                f"{data.name} has no rows in {split}",
                rule="train learns, valid chooses and test judges: each needs rows",
                fix="tilth check says why (labels spelled in two ways, too few rows)",
            )


def check_applies(
    settings: TrainSettings, data: Data, task: Task, *, loss: Any, optimizer: Any
) -> None:
    """Raise UserError for a setting that was given and would change nothing or too much.

    loss, optimizer: the user's own, or None
    """
    if settings.micro_batches > 1 and getattr(loss, "reduction", None) == "mean":
        raise one_value_per_row("a mean (reduction='mean')")
    for name, rule in _idle(settings, data, task, loss=loss, optimizer=optimizer):
        value = getattr(settings, name)
        raise UserError(f"{name}={value:g}" if name != "augment" else "augment=False", **rule)


def _idle(
    settings: TrainSettings, data: Data, task: Task, *, loss: Any, optimizer: Any
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the settings that change nothing, each with the rule and what to do."""
    if not settings.augment and data.kind != "images":
        rule = f"only pictures are augmented, and {data.name} is no set of pictures"
        yield "augment", {"rule": rule, "fix": "leave augment out"}
    if settings.label_smoothing and task.name != "classify":
        rule = f"labels are smoothed where classes are told apart, and this is {task.name}"
        yield "label_smoothing", {"rule": rule, "fix": "leave label_smoothing out"}
    if settings.label_smoothing and loss is not None:
        rule = "a loss of your own gets the labels as they are"
        yield "label_smoothing", {"rule": rule, "fix": "smooth in your loss, and leave it out here"}
    for name in ("lr", "weight_decay"):
        if optimizer is not None and getattr(settings, name) is not None:
            rule = f"an optimizer of your own brings its own {name}"
            fix = f"set it where you make the optimizer, and leave {name} out here"
            yield name, {"rule": rule, "fix": fix}


def check_outputs(
    model: nn.Module, batch: Batch, task: Task, device: torch.device, *, seed: int
) -> None:
    """Raise UserError where the model does not give each row the numbers that the task needs.

    It is asked once, in evaluation mode; modes and random streams are left as they were.
    seed: of the first weights of lazy layers, which this call gives them
    """
    model.to(device)
    # no inference_mode: what a net keeps of its first call may meet gradients later
    with modes_kept(model), seeded(seed, device), torch.no_grad():
        model.eval()
        try:
            found = model(batch.inputs)
        except RuntimeError as error:
            raise UserError(
                f"the model cannot take a batch of this data ({first_line(error)})",
                rule=f"a batch of {counted(len(batch.rows), 'row')} is {shapes(batch.inputs)}",
                fix="let its first layer take that",
            ) from error
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
