"""What does not fit together is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from tilth.data.dataset import Data, Rows
from tilth.errors import UserError
from tilth.flow.settings import TrainSettings
from tilth.objectives.supervised import one_value_per_row
from tilth.tasks import Task


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
    """Raise UserError where nothing can be learned or judged: no data, or an empty split."""
    if not isinstance(data, Data):
        raise UserError(
            f"a {type(data).__name__} as the data",
            rule="a learner learns from what tl.images, tl.table, tl.arrays or tl.dataset gives",
            fix="tl.arrays(inputs, targets) for arrays, tl.dataset(...) for your own Dataset",
        )
    if not isinstance(data, Rows):
        return
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
        told = str(value) if isinstance(value, bool | tuple) else f"{value:g}"
        raise UserError(f"{name}={told}", **rule)


def _idle(
    settings: TrainSettings, data: Data, task: Task, *, loss: Any, optimizer: Any
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the settings that change nothing, each with the rule and what to do."""
    if settings.augment is False and data.kind != "images":
        rule = f"only pictures are augmented, and {data.name} is no set of pictures"
        yield "augment", {"rule": rule, "fix": "leave augment out"}
    if settings.label_smoothing and task.name != "classify":
        rule = f"labels are smoothed where classes are told apart, and this is {task.name}"
        yield "label_smoothing", {"rule": rule, "fix": "leave label_smoothing out"}
    if settings.label_smoothing and loss is not None:
        rule = "a loss of your own gets the labels as they are"
        yield "label_smoothing", {"rule": rule, "fix": "smooth in your loss, and leave it out here"}
    usual = task.usual(data)
    for name in usual.idle:
        if getattr(settings, name):
            yield name, {"rule": f"{task.name} does without it", "fix": f"leave {name} out"}
    if settings.compile and not (isinstance(data, Rows) and usual.range_test):
        rule = "only one player who learns from rows is timed compiled and not"
        yield "compile", {"rule": rule, "fix": "leave compile out"}
    yield from _idle_layers(settings, data, usual.range_test, optimizer)
    for name in ("lr", "weight_decay"):
        if optimizer is not None and getattr(settings, name) is not None:
            rule = f"an optimizer of your own brings its own {name}"
            fix = f"set it where you make the optimizer, and leave {name} out here"
            yield name, {"rule": rule, "fix": fix}


def _idle_layers(
    settings: TrainSettings, data: Data, range_test: bool, optimizer: Any
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what was asked of layer groups where that means nothing."""
    asked = [name for name in ("frozen", "freeze_epochs") if getattr(settings, name)]
    asked += ["lr"] if isinstance(settings.lr, tuple) else []
    if not (isinstance(data, Rows) and range_test):
        for name in asked:
            rule = "layers are grouped where one player learns from rows"
            yield name, {"rule": rule, "fix": f"leave {name} out"}
    if settings.gradual and settings.freeze_epochs is None:
        rule = "groups are unfrozen one by one where a model is fine-tuned"
        yield "gradual", {"rule": rule, "fix": "freeze_epochs=1 (--fine-tune)"}
    if settings.freeze_epochs is not None and settings.frozen:
        rule = "fine-tuning says itself what is frozen when"
        yield "frozen", {"rule": rule, "fix": "leave it out, or freeze_epochs"}
    if settings.freeze_epochs is not None and isinstance(settings.lr, tuple):
        rule = "fine-tuning makes the rates of all layers from one, the head's"
        yield "lr", {"rule": rule, "fix": f"lr={settings.lr[-1]:g}"}
    if settings.freeze_epochs is not None and optimizer is not None:
        rule = "fine-tuning sets the rates of layer groups, and an optimizer brings its own"
        fix = "learn.freeze(), learn.fit(1), learn.unfreeze(), learn.fit(5)"
        yield "freeze_epochs", {"rule": rule, "fix": fix}
