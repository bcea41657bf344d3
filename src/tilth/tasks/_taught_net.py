"""A small net that learns the targets of train: once for a data set, then it is in the cache.

Always from the same seed, so that runs of several seeds are held against one and the same net.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from tilth import files, registry
from tilth.cache import cache_folder
from tilth.contracts import Player
from tilth.data.image_set import ImageData
from tilth.data.source import DatasetSource
from tilth.objectives.supervised import CrossEntropy, Supervised, squared_error
from tilth.randomness import fold
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle
from tilth.train.streams import seeded

VERSION = 1  # of how this file teaches


@dataclass(frozen=True)
class Lesson:
    """How a net learns: by AdamW, in one cycle.

    name: what the net is for, which its seed and its place in the cache follow from
    model, arguments: as in the registry of models
    batch, steps: rows in a step, and how many of those; rate, decay: of AdamW
    augment: whether pictures are varied; smoothing: of labels
    """

    name: str
    model: str
    arguments: Mapping[str, Any]
    batch: int
    steps: int
    rate: float
    decay: float
    augment: bool = False
    smoothing: float = 0.0


def taught(data: ImageData, lesson: Lesson, device: torch.device) -> Any:
    """Return the net after the lesson on train's classes (or numbers), on the device."""
    kept = cache_folder() / lesson.name / f"{_key(data, lesson)}.safetensors"
    net = _untaught(lesson, device)
    try:
        net.load_state_dict(load_file(kept))
    except (OSError, RuntimeError, SafetensorError):  # not there, or of another make
        net = _untaught(lesson, device)  # without what was loaded before it failed
        _loop(net, data, lesson, device).fit()
        tensors = {name: value.cpu().contiguous() for name, value in net.state_dict().items()}
        with suppress(OSError):  # a cache that cannot be written is no reason to stop
            files.replace_bytes(kept, save(tensors))
    return net


def _untaught(lesson: Lesson, device: torch.device) -> nn.Module:
    with seeded(fold(0, lesson.name), device):
        net: nn.Module = registry.build("tilth.models", lesson.model, dict(lesson.arguments))
    return net.to(device)


def _loop(net: nn.Module, data: ImageData, lesson: Lesson, device: torch.device) -> Loop:
    seed, classes = fold(0, lesson.name), data.target.kind == "classes"
    source = DatasetSource(
        data.store,
        data.targets,
        data.splits["train"],
        lesson.batch,
        prepare=data.prepare(train=lesson.augment, seed=seed),
        follow=data.follow(train=lesson.augment, seed=seed),
        seed=seed,
        device=device,
    )
    mover = adamw(net, lesson.rate, decay=lesson.decay)
    return Loop(
        net,
        [Supervised(CrossEntropy(lesson.smoothing) if classes else squared_error)],
        source,
        {"model": Player(list(net.parameters()), mover, one_cycle(), 1.0)},
        total_steps=lesson.steps,
        seed=seed,
        device=device,
    )


def _key(data: ImageData, lesson: Lesson) -> str:
    """Return what the net depends on, hashed."""
    varied = data.augment if lesson.augment else None
    seen = (data.preprocessor.to_config(), data.binary, varied)  # the files alone say no size
    told = hashlib.sha256(f"{VERSION} {data.fingerprint()} {lesson} {seen}".encode())
    told.update(data.splits["train"].tobytes())
    return told.hexdigest()
