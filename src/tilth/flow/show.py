"""A look at validation rows: what is true, what the model says, and how sure it is."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tilth.data.dataset import IntArray, Target, as_rows
from tilth.data.image_set import ImageData
from tilth.data.show import contact_sheet, show_rows
from tilth.errors import UserError
from tilth.randomness import numpy_generator
from tilth.tasks import Array
from tilth.tasks._predicting import Predicting
from tilth.tasks._training import outputs
from tilth.tasks.keypoints import place_scores

if TYPE_CHECKING:
    from tilth.flow.learner import Learner

WRONG = "#c0281f"
"""The colour of a title that says a wrong class."""


def show_results(learner: Learner, count: int = 9) -> Any:
    """Return a matplotlib figure of pictures, or a polars frame of table rows, drawn from valid.

    Of points, where they are and where the model puts them is drawn into the pictures. Classes
    that are wrong have a red title.
    Raises UserError for a task that predicts nothing.
    """
    task = learner.task
    if not isinstance(task, Predicting):
        raise UserError(f"show_results of {task.name}", fix="run.report() shows what it made")
    found = outputs(learner.setup(), "valid")
    drawn = numpy_generator(learner.settings.seed, "show").permutation(len(found.rows))[:count]
    places = np.sort(drawn)
    said = task.decode(found.outputs[places])
    truths = task.truths(found.targets[places])
    captions = [
        caption(task.target, truth, answer, value)
        for truth, answer, value in zip(truths, said.answers, said.values, strict=True)
    ]
    rows = found.rows[places].numpy()
    if task.target.kind == "points":
        shown = _points_drawn(cast(ImageData, learner.data), rows, truths, said.values, captions)
    else:
        title = f"true, answer{' (before any fit)' * _before(learner)}"
        shown = show_rows(as_rows(learner.data), rows, captions, title)
    if hasattr(shown, "suptitle"):  # a figure, not a frame
        wrong = said.answers != truths if task.target.kind == "classes" else np.zeros(len(rows))
        for axis in itertools.compress(shown.axes, wrong):
            axis.title.set_color(WRONG)
        shown.suptitle(_heading(learner, task.target.kind), fontsize=8)
    return shown


def _before(learner: Learner) -> bool:
    return not learner.phases_done and learner.current_run is None


def _heading(learner: Learner, kind: str) -> str:
    """Return what to know of all the pictures: what colours mean, and whether anything is learned.

    kind: of the target
    """
    told = ["The net as it is before any fit"] * _before(learner)
    colours = {"points": "green: true; red: said", "classes": "a red title: wrong"}
    return "\n".join([*told, *([colours[kind]] if kind in colours else [])])


def caption(target: Target, truth: Any, answer: Any, value: Any) -> str:
    """Return truth and answer in words, a line each, with probabilities where there are some.

    Of points the normalised mean error, and the share of them that is found.

    >>> signs = Target("signs", "labels", ("red", "round", "old"))
    >>> caption(signs, [1, 0, 1], [1, 1, 0], [0.9, 0.6, 0.1])
    'true red + old\\nsaid red 90% + round 60%'
    """
    if target.kind == "number":
        return f"true {truth:.4g}\nsaid {answer:.4g}"
    if target.kind == "points":
        error, found = place_scores(answer[None], truth[None], target.scale)[0]
        return f"error {error:.3f}, {found:.0%} found"
    if target.kind == "labels":
        each = list(zip(target.labels, truth, answer, value, strict=True))
        true = [label for label, there, _, _ in each if there]
        said = [f"{label} {chance:.0%}" for label, _, there, chance in each if there]
        return f"true {' + '.join(true) or 'none'}\nsaid {' + '.join(said) or 'none'}"
    one, other = target.labels[int(truth)], target.labels[int(answer)]
    return f"true {one}\nsaid {other} {value.max():.0%}"


def _points_drawn(
    data: ImageData, rows: IntArray, truths: Array, said: Array, captions: Sequence[str]
) -> Any:
    """Return a figure of pictures with true and said points [N, P, 2] drawn into them."""
    from tilth.audit.looks.points import marked

    drawn = [marked(data, int(row), *both) for row, *both in zip(rows, truths, said, strict=True)]
    return contact_sheet([base64.b64decode(one) for one in drawn], captions)
