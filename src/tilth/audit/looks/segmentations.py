"""The look at a model that tells the class of every pixel, beside simple ways to."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tilth.audit import pixel_labels, simple_models, words
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.showcase import largest
from tilth.contracts import Batch
from tilth.data.dataset import as_rows
from tilth.data.image_set import ImageData
from tilth.data.mask_colours import colours, painted
from tilth.data.mask_decoder import VOID
from tilth.randomness import numpy_generator
from tilth.tasks import Array
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._setup import Setup
from tilth.tasks.segment import SegmentTask, as_counts, class_iou, count, said_of

MOST_SHOWN = 5  # pictures of each kind
FITTED_PIXELS = 30_000  # of train, on which the linear model is fitted
UNCHECKED = (
    "Edges: a pixel or two beside a border counts as little as anywhere, and matters more to some.",
    "Truth: the masks were taken as right to the pixel.",
    "Things: two of one class that touch are one area; nothing is counted.",
    "Change: whether data that comes later, or from elsewhere, looks like this data set.",
    "Luck: the intervals cover the choice of test pictures, not training again with another seed.",
)
Say = Callable[[Batch], Tensor]
"""From a batch to the class of every pixel, [B, H, W]."""


def segmentations(task: SegmentTask, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that segments; test is opened here, once."""
    data = as_rows(setup.data)
    assert isinstance(data, ImageData)
    pixels, truths = some_pixels(task, setup, seed)
    ways: dict[str, tuple[str, Say]] = {
        "net": ("this net", lambda batch: said_of(setup, batch)),
        "majority": ("always the commonest class", _majority(truths, task.outputs)),
        "linear": (
            "logistic regression of each pixel by its colour and place",
            _linear(pixels, truths),
        ),
    }
    found: dict[str, list[Array]] = {name: [] for name in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for batch in judged_rows(data, data.splits["test"], setup):
        for name, (_, say) in ways.items():
            begun = time.perf_counter()
            said = say(batch)
            seconds[name] += time.perf_counter() - begun
            counts = count(said.cpu(), batch.targets.cpu(), task.outputs)
            found[name].append(np.concatenate(counts, axis=1))
    made = [
        Contestant(name, what, np.concatenate(found[name]), seconds[name])
        for name, (what, _) in ways.items()
    ]
    counts = as_counts(made[0].values)
    right = counts.right.sum(axis=1) / np.maximum(counts.true.sum(axis=1), 1)
    return judged(
        task,
        data,
        made[0],
        made[1:],
        subtitle=f"A class of {task.outputs} for every pixel",
        things="pictures",
        sections=[_shown(task, setup, made[0].values), _by_class(task, made)],
        not_checked=(*UNCHECKED, data.usual.unchecked),
        seed=seed,
        kept={"pixels": right},
    )


def some_pixels(task: SegmentTask, setup: Setup, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Return colour and place [N, C + 2] of pixels drawn from train, and their classes."""
    data = as_rows(setup.data)
    draw = numpy_generator(seed, "baseline")
    rows = draw.permutation(data.splits["train"])[: task.usual(data).baseline_rows]
    each = -(-FITTED_PIXELS // len(rows))
    features, classes = [], []
    for batch in judged_rows(data, rows, setup):
        flat, targets = pixel_features(batch), batch.targets.cpu().flatten(1).numpy()
        for row, known in zip(flat, targets, strict=True):
            places = np.flatnonzero(known != VOID)
            chosen = draw.permutation(places)[:each]
            features.append(row[chosen])
            classes.append(known[chosen])
    return np.concatenate(features), np.concatenate(classes).astype(np.int64)


def pixel_features(batch: Batch) -> Array:
    """Return [B, H W, C + 5]: colour, and the place with its squares, of each pixel."""
    pictures = batch.inputs.float().cpu()
    height, width = pictures.shape[-2:]
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    places = torch.stack([down, across, down**2, across**2, down * across])
    whole = torch.cat([pictures, places.expand(len(pictures), -1, -1, -1)], dim=1)
    return np.asarray(whole.flatten(2).transpose(1, 2).double().numpy())


def _majority(truths: NDArray[np.int64], classes: int) -> Say:
    commonest = int(np.bincount(truths, minlength=classes).argmax())
    return lambda batch: torch.full_like(batch.targets, commonest)


def _linear(pixels: Array, truths: NDArray[np.int64]) -> Say:
    if len(np.unique(truths)) < 2:
        return _majority(truths, int(truths.max()) + 1)
    fitted = simple_models.logistic(pixels, truths)
    assert fitted.classes is not None
    known = fitted.classes

    def say(batch: Batch) -> Tensor:
        features = pixel_features(batch)
        said = [known[fitted.predict(row).argmax(axis=1)] for row in features]
        return torch.from_numpy(np.stack(said)).reshape(batch.targets.shape).to(torch.uint8)

    return say


def _shown(task: SegmentTask, setup: Setup, values: Array) -> Section:
    """Return the first test pictures and the worst ones: picture, true mask, said mask."""
    counts = as_counts(values)
    true = np.maximum(counts.true.sum(axis=1), 1)
    wrong = 1 - counts.right.sum(axis=1) / true
    strips = []
    for title, places in (
        ("The first test pictures", np.arange(min(MOST_SHOWN, len(values)))),
        ("The worst test pictures", largest(wrong, MOST_SHOWN)),
    ):
        for number, place in enumerate(places):
            strips.append(
                {"title": title * (number == 0), "shown": _row(task, setup, int(place), wrong)}
            )
    palette = colours(task.outputs)
    legend = [
        {"png": pixel_labels.swatch(palette[k]), "caption": label}
        for k, label in enumerate(task.target.labels)
    ]
    return Section("Masks", strips=[{"title": "The classes", "shown": legend}, *strips])


def _row(task: SegmentTask, setup: Setup, place: int, wrong: Array) -> list[dict[str, Any]]:
    data = as_rows(setup.data)
    row = data.splits["test"][place : place + 1]
    (batch,) = judged_rows(data, row, setup)
    with Image.open(io.BytesIO(data.show_item(int(row[0]))["png"]), formats=["PNG"]) as opened:
        picture = pixel_labels.tile(opened)
    true, said = (
        pixel_labels.tile(painted(mask[0].cpu().numpy(), task.outputs))
        for mask in (batch.targets, said_of(setup, batch))
    )
    told = (f"{data.item_id(int(row[0]))}", "true (black: not said)")
    captions = (*told, f"said, {words.percent(float(wrong[place]))} of pixels wrong")
    return [
        {"png": png, "broad": True, "caption": caption}
        for png, caption in zip((picture, true, said), captions, strict=True)
    ]


def _by_class(task: SegmentTask, made: list[Contestant]) -> Section:
    """Return intersection over union of each class, of the net and the simple ways."""
    net = as_counts(made[0].values)
    shares = net.true.sum(axis=0) / max(1.0, net.true.sum())
    each = [class_iou(as_counts(one.values)) for one in made]
    rows = [
        [label, words.percent(float(shares[k])), *(_percent(float(one[k])) for one in each)]
        for k, label in enumerate(task.target.labels)
    ]
    head = ["Class", "Share of test pixels", *(f"IoU, {one.what}" for one in made)]
    lines = ["Intersection over union (IoU): of the pixels said or true, the share that is both."]
    return Section("Class by class", lines=lines, table={"head": head, "rows": rows})


def _percent(value: float) -> str:
    return words.percent(value if np.isfinite(value) else None)
