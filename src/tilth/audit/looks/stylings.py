"""The look at a model that gives pictures a style: what is kept, and what is taken on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.latent import shown
from tilth.data.dataset import as_rows
from tilth.tasks._reconstructing import batches
from tilth.tasks._setup import Setup
from tilth.tasks.restore import restored
from tilth.tasks.style import StyleTask, distances

MOST_SHOWN = 8
UNCHECKED = (
    "Looks: the distances are what one net sees; no person was asked whether it is beautiful.",
    "Other pictures: of other things or sizes than those it learned from.",
    "Rights: whether the picture whose style is given may be used for that.",
    "Luck: the intervals cover the choice of test pictures, not training again with another seed.",
)


def stylings(task: StyleTask, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that gives a style; test is opened here, once."""
    data, objective = as_rows(setup.data), task.objective(setup)
    painting = task.painting(task.model_arguments(data)["channels"]).to(setup.device)
    setup.model.to(setup.device)
    values = task.values(setup, "test")
    columns: dict[str, list[Any]] = {"input": [], "colours": []}
    begun = time.perf_counter()
    for inputs in batches(setup, "test"):
        columns["input"].append(distances(objective, inputs, inputs))
        columns["colours"].append(distances(objective, coloured(inputs, painting), inputs))
    seconds = time.perf_counter() - begun
    said = {"input": "the picture as it is", "colours": "the style picture's mean and spread"}
    others = [
        Contestant(name, said[name], np.concatenate(found), seconds / 2)
        for name, found in columns.items()
    ]
    return judged(
        task,
        data,
        Contestant("net", "this net", values),
        others,
        subtitle="Pictures in the style of one",
        things="pictures",
        sections=[_shown(setup, painting)],
        not_checked=UNCHECKED,
        seed=seed,
    )


def coloured(pictures: Tensor, painting: Tensor) -> Tensor:
    """Return the pictures with each channel's mean and deviation those of another picture.

    Reinhard, Ashikhmin, Gooch and Shirley 2001, "Color Transfer between Images", equations 10 to
    12, in red, green and blue. painting: [1, C, height, width]
    """
    mean = pictures.mean(dim=(2, 3), keepdim=True)
    spread = pictures.std(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    other = painting.std(dim=(2, 3), keepdim=True)
    turned = (pictures - mean) / spread * other + painting.mean(dim=(2, 3), keepdim=True)
    return turned.clamp(0, 1)


def _shown(setup: Setup, painting: Tensor) -> Section:
    inputs = next(batches(setup, "test", rows=MOST_SHOWN))
    with torch.no_grad():
        styled = restored(setup.model, inputs)
    strips = [
        {"title": "The style", "shown": shown(painting)},
        {"title": "Test pictures, and below in the style", "shown": shown(inputs)},
        {"title": "", "shown": shown(styled)},
    ]
    return Section("Pictures in the style", strips=strips)
