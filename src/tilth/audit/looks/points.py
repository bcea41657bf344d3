"""The look at a model that finds points in pictures, beside where they are on average."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import Ridge

from tilth.audit import words
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.row_records import Truths
from tilth.audit.showcase import largest
from tilth.data.dataset import IntArray, as_rows
from tilth.data.image_set import ImageData
from tilth.randomness import numpy_generator
from tilth.tasks import Array
from tilth.tasks._setup import Setup
from tilth.tasks._training import outputs
from tilth.tasks.keypoints import CLOSE, Keypoints, place_scores

MOST_SHOWN = 8  # pictures of each kind
MOST_LISTED = 80  # points in the table
MARKED_PX = 240  # the shorter side of a picture with points drawn into it
TRUE, SAID = "#2fbf5f", "#e4322b"
UNCHECKED = (
    "Points that cannot be seen: it gives every point a place, also where it is hidden or "
    "outside of the picture.",
    "Truth: the places that people marked were taken as right to the pixel.",
    "Groups: whether it serves some people, places or devices worse than others.",
    "Change: whether data that comes later, or from elsewhere, looks like this data set.",
    "Luck: the intervals cover the choice of test rows, not training again with another seed.",
)


def points(task: Keypoints, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that finds points; test is opened here, once."""
    data, aspect = as_rows(setup.data), task.target.scale
    assert isinstance(data, ImageData)
    found = outputs(setup, "test")
    places, truths = task.decode(found.outputs).values, task.truths(found.targets)
    others = [_mean_shape(data, truths), _linear(data, truths, seed)]
    net = Contestant("net", "this net", place_scores(places, truths, aspect))
    sections = [
        _shown(data, found.rows.numpy(), places, truths, net.values),
        _by_point(data, places, truths),
    ]
    return judged(
        task,
        data,
        net,
        others,
        subtitle=f"Finding {task.outputs // 2} points",
        things="pictures",
        sections=sections,
        not_checked=(*UNCHECKED, data.usual.unchecked),
        seed=seed,
        truths=_given(data),
    )


def known_places(data: ImageData, split: str) -> Array:
    """Return the true places [N, P, 2] of a split, from -1 to 1, NaN where a point is not there."""
    rows = data.splits[split]
    follow = data.follow(train=False)
    found = follow(data.targets[rows], data.targets.new_tensor(rows).long(), 0)
    return np.asarray(found.double().numpy())


def _given(data: ImageData) -> Truths:
    """Return the points of the test pictures in px, as they were given for pictures so large."""
    ready, rows = data.preprocessor, torch.from_numpy(data.splits["test"])
    return Truths(data.targets[rows].numpy(), f"{ready.fit} {ready.width} x {ready.height}")


def _mean_shape(data: ImageData, truths: Array) -> Contestant:
    begun = time.perf_counter()
    mean = np.nan_to_num(np.nanmean(known_places(data, "train"), axis=0))
    values = place_scores(np.broadcast_to(mean, truths.shape), truths, data.target.scale)
    what = "always where the points are on average in train"
    return Contestant("mean", what, values, time.perf_counter() - begun)


def _linear(data: ImageData, truths: Array, seed: int) -> Contestant:
    """Fit ridge regression from the shrunk picture to the places of all points."""
    begun, rows, notes = time.perf_counter(), data.splits["train"], []
    chosen = np.arange(len(rows))
    if len(rows) > data.usual.baseline_rows:
        chosen = numpy_generator(seed, "baseline").choice(chosen, data.usual.baseline_rows, False)
        notes.append(f"fitted on {len(chosen):,} of {len(rows):,} train rows")
    known = known_places(data, "train")
    filled = np.where(np.isnan(known), np.nan_to_num(np.nanmean(known, axis=0)), known)
    inputs = data.flat_features(rows[chosen])
    model = Ridge(alpha=len(chosen) / 10).fit(inputs, filled[chosen].reshape(len(chosen), -1))
    said = model.predict(data.flat_features(data.splits["test"])).reshape(truths.shape)
    values = place_scores(said, truths, data.target.scale)
    seconds = time.perf_counter() - begun
    return Contestant("linear", "ridge regression on the shrunk picture", values, seconds, notes)


def _shown(data: ImageData, rows: IntArray, places: Array, truths: Array, values: Array) -> Section:
    """Return the first test pictures and the worst ones, with true and said points."""
    first = np.arange(min(MOST_SHOWN, len(rows)))
    strips = []
    for title, chosen in (
        ("The first test pictures", first),
        ("The worst test pictures", largest(values[:, 0], MOST_SHOWN)),
    ):
        tiles = [
            {
                "png": marked(data, int(rows[k]), truths[k], places[k]),
                "broad": True,
                "caption": f"{words.item(data.item_id(int(rows[k])))}, "
                f"error {values[k, 0]:.3f} of the size",
            }
            for k in chosen
        ]
        strips.append({"title": title, "shown": tiles})
    return Section(
        "Found points",
        lines=["Green: true. Red: said; the line between them is the error."],
        strips=strips,
    )


def marked(data: ImageData, row: int, true: Array, said: Array) -> str:
    """Return a picture as base64 PNG with true and said places [P, 2] drawn into it."""
    from PIL import Image, ImageDraw

    with Image.open(io.BytesIO(data.show_item(row)["png"]), formats=["PNG"]) as small:
        scale = max(1, round(MARKED_PX / min(small.size)))
        size = (small.width * scale, small.height * scale)
        picture = small.convert("RGB").resize(size, Image.Resampling.NEAREST)
    draw, radius = ImageDraw.Draw(picture), max(2.0, min(size) / 80)
    both = [(places + 1) / 2 * np.array(size) for places in (true, said)]
    for ends in zip(*both, strict=True):
        if np.isfinite(ends).all():
            draw.line([tuple(end) for end in ends], fill=SAID)
        for (x, y), colour in zip(ends, (TRUE, SAID), strict=True):
            if np.isfinite(x) and np.isfinite(y):
                box = (x - radius, y - radius, x + radius, y + radius)
                draw.ellipse(box, fill=colour, outline="white")
    written = io.BytesIO()
    picture.save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")


def _by_point(data: ImageData, places: Array, truths: Array) -> Section:
    """Return how far off each point is, the worst first."""
    size = np.array([data.preprocessor.width, data.preprocessor.height])
    gaps = np.linalg.norm((places - truths) * size / 2, axis=2)
    with np.errstate(invalid="ignore"):
        means = np.array([np.nanmean(one) if np.isfinite(one).any() else np.nan for one in gaps.T])
    order = np.argsort(-np.nan_to_num(means, nan=-1.0), kind="stable")[:MOST_LISTED]
    rows = [
        [data.target.labels[k], str(int(np.isfinite(gaps[:, k]).sum())), f"{means[k]:.2f}"]
        for k in order
    ]
    head = ["Point", "Test pictures that have it", "Mean distance (px)"]
    lines = [
        f"Pictures are {int(size[0])} x {int(size[1])} px. A point counts as found within "
        f"{words.percent(CLOSE)} of the size of the thing, the root of the area of the box round "
        "its points."
    ]
    return Section("Point by point", lines=lines, table={"head": head, "rows": rows})
