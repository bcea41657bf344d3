"""From what a world shows to features: dense layers for numbers, convolutions for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.sizes import height_width

SMALLEST = 64  # px; below, dense layers learn from fewer frames: see the log
LEAST = 36  # px, what the three convolutions leave at least one place of
CONVOLUTIONS = ((1, 8, 4), (2, 4, 2), (2, 3, 1))  # times the width, kernel, stride: Mnih et al.


class ObservationInput(nn.Module):
    """Makes what environments show into float32: pictures in [0, 1], choices as one-hot rows.

    choices: how many there are, for int64 observations [B]

    >>> ObservationInput(2)(torch.tensor([1])), ObservationInput(1)(torch.tensor([[255]]).byte())
    (tensor([[0., 1.]]), tensor([[1.]]))
    """

    def __init__(self, choices: int) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, observations: Tensor) -> Tensor:
        """Return float32 of the same rows."""
        if observations.dtype == torch.uint8:
            return observations.float() / 255
        if observations.dtype == torch.int64:
            return F.one_hot(observations, self.choices).float()
        return observations


def observation_encoder(
    *,
    channels: int,
    size: int | Sequence[int],
    layers: Sequence[int],
    width: int,
    norm: bool,
    convolve_from: int = SMALLEST,
) -> tuple[nn.Sequential, int]:
    """Return [B, ...] observations -> [B, features], and how many features there are.

    Pictures of at least ``convolve_from`` px go through the three convolutions of Mnih et al.
    (2015) first; anything else is flattened.
    channels: of pictures, or how many numbers (or choices) there are where ``size`` is 1
    layers: widths of the dense layers; width: of the first convolution
    norm: a layer normalisation before every ReLU (Gallici et al. 2024)
    convolve_from: px, at least 36, which is what the convolutions need
    Raises UserError where neither layers nor convolutions are left.

    >>> observation_encoder(channels=4, size=1, layers=(8,), width=32, norm=True)[1]
    8
    """
    sides = height_width(size)
    parts: list[nn.Module] = [ObservationInput(channels)]
    if min(sides) >= max(convolve_from, LEAST):
        for times, kernel, stride in CONVOLUTIONS:
            parts.append(nn.Conv2d(channels, times * width, kernel, stride))
            channels, sides = times * width, [(side - kernel) // stride + 1 for side in sides]
            parts += [nn.LayerNorm([channels, *sides]), nn.ReLU()] if norm else [nn.ReLU()]
    elif not layers:
        raise UserError("layers=()", rule="numbers need a dense layer", fix="layers=(128,)")
    parts.append(nn.Flatten())
    widths = [channels * prod(sides), *layers]
    for fan_in, fan_out in pairwise(widths):
        parts.append(nn.Linear(fan_in, fan_out))
        parts += [nn.LayerNorm(fan_out), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*parts), widths[-1]
