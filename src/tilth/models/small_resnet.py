"""The default net for pictures of 8 to 256 px: small, residual, fast to train from nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from tilth.nn.body_head import BodyHead
from tilth.nn.residual_stage import ResidualStage
from tilth.nn.sizes import height_width

_LAST_PX = 4  # the side that the last stage should give, as in ResNet-9 on 32 px
_MOST_STAGES = 3


def small_resnet(
    *,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    width: int = 64,
    depth: int = 1,
    trained_size: int | Sequence[int] | None = None,
) -> nn.Module:
    """Return stem -> one to three halving residual stages -> global maximum -> linear head.

    channels, size: of the pictures [B, channels, *size]; each side at least 4 px
    width: channels of the first stage; each later stage has twice those before it
    depth: convolutions in the residual branch of a stage

    The shorter side decides the number of stages and, over 48 px, the stride of the stem, so
    that pictures of 32, 64 and 128 px cost the same after the stem.
    trained_size: of the pictures that a body was first trained on, which then decides instead: a
    warm start on larger ones takes over all its layers (progressive resizing)

    >>> net = small_resnet(channels=3, size=32, outputs=10)
    >>> sum(p.numel() for p in net.parameters())
    1161642
    """
    sides = height_width(size, at_least=4)
    if trained_size is not None:
        sides = height_width(trained_size, at_least=4)
    halvings = round(math.log2(min(sides) / _LAST_PX))
    stages = min(max(halvings, 1), _MOST_STAGES)
    stride = 2 ** max(halvings - stages, 0)
    widths = [3 * width // 8, *(width * 2**stage for stage in range(stages))]
    body = nn.Sequential(
        nn.Conv2d(channels, widths[0], stride + 2, stride=stride, padding=1),
        nn.ReLU(),
        *(ResidualStage(fan_in, fan_out, depth=depth) for fan_in, fan_out in pairwise(widths)),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )
    return BodyHead(body, nn.Linear(widths[-1], outputs))
