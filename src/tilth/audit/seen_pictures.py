"""What the looks inside a net share: the net as it computes, and test pictures ready for it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.audit.latent import shown
from tilth.data.dataset import IntArray
from tilth.data.image_set import ImageData
from tilth.nn.watched import watched
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._predicting import Predicting
from tilth.tasks._setup import Setup

KINDS = ("classes", "number")  # of targets, each with outputs that can be asked about alone
BUDGET = 2e11  # multiplications that one look may take: some four seconds of two cores
ON_A_CARD = 100  # times more on a graphics card


@dataclass(frozen=True)
class Seen:
    """A net and the test pictures that it is looked at with.

    net: a copy for evaluation in float32, whose parameters take no gradient
    rows: test rows whose target train holds
    """

    task: Predicting
    data: ImageData
    setup: Setup
    net: nn.Module
    rows: IntArray

    @property
    def is_classes(self) -> bool:
        """Whether one of several labels is predicted."""
        return self.data.target.kind == "classes"

    def taken(self, rows: IntArray) -> tuple[Tensor, Tensor]:
        """Return model inputs [N, C, H, W] and encoded targets [N] of some rows."""
        found = list(judged_rows(self.data, rows, self.setup))
        inputs = torch.cat([batch.inputs for batch in found]).float()
        placed: Tensor = self.setup.plan.numerics.place_batch(inputs)
        return placed, torch.cat([batch.targets for batch in found])

    def some(self, count: int) -> IntArray:
        """Return at most so many test rows, spread evenly over all."""
        places = np.linspace(0, len(self.rows) - 1, min(count, len(self.rows)))
        return self.rows[np.unique(places.round().astype(np.int64))]

    def affordable(self, passes: float, most: int) -> int:
        """Return how many pictures may take so many passes each, at most ``most``."""
        inputs, _ = self.taken(self.rows[:1])
        times = ON_A_CARD if self.setup.device.type == "cuda" else 1
        return int(min(most, times * BUDGET / (passes * multiplications(self.net, inputs))))

    def tiles(self, inputs: Tensor) -> list[dict[str, Any]]:
        """Return pictures for the page, from black to white."""
        return shown(self.greys(inputs))

    def greys(self, inputs: Tensor) -> Tensor:
        """Return inputs as pixels in [0, 1], on the processor."""
        ready = self.data.preprocessor
        mean, std = (value[:, None, None] for value in ready.statistics(inputs.device))
        low, high = ready.value_range
        return (((inputs * std + mean) - low) / (high - low)).clamp(0, 1).cpu()


def seen(task: Predicting, setup: Setup, rows: IntArray) -> Seen | None:
    """Return what is looked at; None without pictures, without rows, or for other targets."""
    data = setup.data
    if not isinstance(data, ImageData) or data.target.kind not in KINDS or not len(rows):
        return None
    return Seen(task, data, setup, for_looking(setup.model).to(setup.device), rows)


def for_looking(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, in float32, not compiled, that changes nothing in place.

    It answers [N, K], also where the model gives a number as [N].

    >>> for_looking(nn.Flatten(0))(torch.ones(3, 1)).shape
    torch.Size([3, 1])
    """
    net = copy.deepcopy(model).eval().float().requires_grad_(False)
    for module in net.modules():
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010 - of whichever class it is
    net.register_forward_hook(lambda module, inputs, answers: answers.reshape(len(answers), -1))
    return net


def multiplications(model: nn.Module, inputs: Tensor) -> float:
    """Return how many products the convolutions and dense layers take for one picture.

    >>> multiplications(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), torch.zeros(1, 1, 5, 5))
    162.0
    """
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad(), watched(model, names) as kept:
        model(inputs[:1])
    layers: dict[str, Any] = dict(model.named_modules())
    total = 0.0
    for name, output in kept.outputs.items():
        weight: Tensor = layers[name].weight
        total += output.numel() * weight[0].numel()
    return max(total, 1.0)


def evenly(names: Sequence[str], most: int) -> list[str]:
    """Return at most so many, first and last among them.

    >>> evenly("abcdefg", 3)
    ['a', 'd', 'g']
    """
    places = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    return [names[place] for place in np.unique(places)]
