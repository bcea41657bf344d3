"""A look at validation rows: what is true, what the model says, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tilth.data.dataset import as_rows
from tilth.data.show import show_rows
from tilth.errors import UserError
from tilth.randomness import numpy_generator
from tilth.tasks._predicting import Predicting
from tilth.tasks._training import outputs

if TYPE_CHECKING:
    from tilth.flow.learner import Learner


def show_results(learner: Learner, count: int = 9) -> Any:
    """Return a matplotlib figure of pictures, or a polars frame of table rows, drawn from valid."""
    task = learner.task
    if not isinstance(task, Predicting):
        raise UserError(f"show_results of {task.name}", fix="run.report() shows what it made")
    found = outputs(learner.setup(), "valid")
    drawn = numpy_generator(learner.settings.seed, "show").permutation(len(found.rows))[:count]
    places = np.sort(drawn)
    said = task.decode(found.outputs[places])
    truths = task.truths(found.targets[places])
    captions = [
        caption(learner, truth, answer, value)
        for truth, answer, value in zip(truths, said.answers, said.values, strict=True)
    ]
    rows = found.rows[places].numpy()
    return show_rows(as_rows(learner.data), rows, captions, "true, answer")


def caption(learner: Learner, truth: Any, answer: Any, value: Any) -> str:
    """Return truth and answer in words, with the probability where there is one."""
    target = learner.data.target
    if target.kind == "number":
        return f"{truth:.4g}, {answer:.4g}"
    true, said = target.labels[int(truth)], target.labels[int(answer)]
    return f"{true}, {said} {value.max():.0%}"
