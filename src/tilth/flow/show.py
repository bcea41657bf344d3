"""A look at validation rows: what is true, what the model says, and how sure it is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from tilth.randomness import numpy_generator

if TYPE_CHECKING:
    from tilth.flow.learner import Learner


def show_results(learner: Learner, count: int = 9) -> Any:
    """Return a matplotlib figure of pictures, or a polars frame of table rows, drawn from valid."""
    found = learner.outputs("valid")
    drawn = numpy_generator(learner.settings.seed, "show").permutation(len(found.rows))[:count]
    places = np.sort(drawn)
    said = learner.task.decode(found.outputs[places])
    truths = learner.task.truths(found.targets[places])
    captions = [
        caption(learner, truth, answer, value)
        for truth, answer, value in zip(truths, said.answers, said.values, strict=True)
    ]
    rows = [learner.data.show_item(int(found.rows[place])) for place in places]
    if rows and "png" in rows[0]:
        return contact_sheet([row["png"] for row in rows], captions)
    import polars as pl

    frame = pl.DataFrame([row["row"] for row in rows], infer_schema_length=None)
    return frame.with_columns(pl.Series("true, answer", captions))


def caption(learner: Learner, truth: Any, answer: Any, value: Any) -> str:
    """Return truth and answer in words, with the probability where there is one."""
    target = learner.data.target
    if target.kind == "number":
        return f"{truth:.4g}, {answer:.4g}"
    true, said = target.labels[int(truth)], target.labels[int(answer)]
    return f"{true}, {said} {value.max():.0%}"


def contact_sheet(pictures: list[bytes], captions: list[str]) -> Any:
    """Return a figure with pictures (PNG bytes) in rows of up to five, captions above."""
    from matplotlib.figure import Figure
    from PIL import Image

    across = min(5, len(pictures))
    down = -(-len(pictures) // across)
    figure = Figure(figsize=(2 * across, 2.3 * down), layout="constrained")
    axes = np.atleast_1d(figure.subplots(down, across)).ravel()
    for place, axis in enumerate(axes):
        axis.axis("off")
        if place < len(pictures):
            picture = Image.open(io.BytesIO(pictures[place]))
            axis.imshow(np.asarray(picture), cmap="gray" if picture.mode == "L" else None)
            axis.set_title(captions[place], fontsize=8)
    return figure
