"""What does not fit together is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tilth.data.dataset import Data
from tilth.errors import UserError
from tilth.flow.settings import TrainSettings
from tilth.objectives.supervised import one_value_per_row
from tilth.tasks import Task


def check_data(data: Data) -> None:
    """Raise UserError where nothing can be learned or judged: one class, or an empty split."""
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
