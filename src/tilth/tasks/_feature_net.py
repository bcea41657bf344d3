"""The net whose features a loss compares: the user's own bundle, or one trained on the labels.

A local net is trained once for a data set, always from the same seed, and kept in the cache, so
that runs of several seeds have one and the same loss.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import nn

from tilth import files, registry
from tilth.data.dataset import Rows, as_rows
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet
from tilth.nn.rescale import Rescale
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import usual_batch
from tilth.tasks._taught_net import Lesson, taught

WIDTH = 16
SEEN, PASSES = 40_000, 10  # rows in a training, and passes over train, whichever is less
MADE_OF = ("model.safetensors", "config.json", "preprocessor_config.json")


def feature_net(setup: Setup, bundle: str | None) -> FeatureNet:
    """Return what sees features in pictures [B, C, H, W] in [0, 1], before each of its poolings.

    bundle: a folder; None for a net that is trained on the labels of train
    Raises UserError for a bundle that is none, or no chain of layers for such pictures, and for
    data without classes.
    """
    data = as_rows(setup.data)
    chain = (
        _trained(data, setup.device)
        if bundle is None
        else of_bundle(bundle, data.model_arguments()["channels"])
    )
    return FeatureNet(chain).to(setup.device)


def _trained(data: Rows, device: torch.device) -> nn.Sequential:
    """Return the chain of a small VGG that tells the classes of train apart."""
    if data.target.kind != "classes":
        raise UserError(
            f"a loss of features for {data.name}, which has no classes",
            rule="a net for features learns from labels",
            fix='give a bundle of small_vgg: task_arguments={"features": "my-vgg", ...}',
        )
    if not isinstance(data, ImageData):
        raise UserError(f"a loss of features for {data.name}", rule="what has features is pictures")
    return cast(nn.Sequential, taught(data, lesson(data), device).body)


def lesson(data: ImageData) -> Lesson:
    """Return how the local net learns."""
    rows = len(data.splits["train"])
    batch = usual_batch(data.usual, rows)
    shape = {name: data.model_arguments()[name] for name in ("channels", "size")}
    return Lesson(
        "features",
        "small_vgg",
        {**shape, "outputs": len(data.target.labels), "width": WIDTH},
        batch=batch,
        steps=max(1, min(SEEN, PASSES * rows) // batch),
        rate=0.004,
        decay=0.05,
        augment=True,
        smoothing=0.1,
    )


def of_bundle(bundle: str | Path, channels: int) -> nn.Sequential:
    """Return the chain of a bundle's net, from pictures [B, channels, H, W] in [0, 1] on.

    Raises UserError for what is no bundle, and for a net that is no chain for such pictures.
    """
    folder = Path(bundle)
    inner = folder / "model"
    place = inner if (inner / MADE_OF[1]).is_file() else folder
    problems = [one for one in files.verify(place) if one.partition(":")[0] not in ("README.md",)]
    if problems:
        raise UserError(
            f"features={str(folder)!r} is no sound bundle ({problems[0]})",
            fix="give the folder that `run.export(...)` or `tilth export` wrote",
        )
    config, ready = (json.loads((place / name).read_bytes()) for name in MADE_OF[1:])
    made = config["architecture"]
    net = registry.build("tilth.models", made["name"], made["arguments"])
    net.load_state_dict(load_file(place / MADE_OF[0]))
    body = getattr(net, "body", None)
    if not isinstance(body, nn.Sequential):
        raise UserError(
            f"features={str(folder)!r} is a {made['name']}",
            rule="features are those of a chain of layers",
            fix='train a small_vgg on such pictures: tl.Learner(data, "small_vgg")',
        )
    return nn.Sequential(_from_unit_range(ready, channels, folder), *body)


def _from_unit_range(ready: Mapping[str, Any], channels: int, folder: Path) -> Rescale:
    """Return the step from [0, 1] to what a bundle's net takes."""
    if ready["kind"] != "images" or ready["channels"] != channels:
        told = f"{ready.get('channels')} channels" if ready["kind"] == "images" else ready["kind"]
        raise UserError(
            f"features={str(folder)!r} learned from {told}",
            rule=f"it is to see pictures of {channels} channel{'s' * (channels > 1)}",
            fix="train it on such pictures",
        )
    taken = ImagePreprocessor.from_config(ready)
    black, white = taken.value_range
    pairs = list(zip(taken.mean, taken.std, strict=True))
    return Rescale(
        [(white - black) / std for _, std in pairs], [(black - mean) / std for mean, std in pairs]
    )
