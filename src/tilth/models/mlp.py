"""A plain multi-layer perceptron: linear layers with ReLU between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


def mlp(
    *,
    channels: int,
    size: int | Sequence[int] = 1,
    outputs: int,
    layers: Sequence[int] = (128,),
    dropout: float = 0.0,
) -> nn.Module:
    """Return ``linear -> ReLU [-> dropout]`` per layer, and a linear head.

    channels: numbers per pixel, or the number of features where there are no pixels (size=1)
    size: side or (height, width) in pixels; inputs are flattened from [B, channels, *size]
    layers: widths of the hidden layers; empty gives a linear model

    >>> mlp(channels=4, outputs=2, layers=(8,))
    BodyHead(
      (body): Sequential(
        (0): Flatten(start_dim=1, end_dim=-1)
        (1): Linear(in_features=4, out_features=8, bias=True)
        (2): ReLU()
      )
      (head): Linear(in_features=8, out_features=2, bias=True)
    )
    """
    widths = [channels * prod(height_width(size)), *layers]
    body: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        body += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        if dropout > 0:
            body.append(nn.Dropout(dropout))
    return BodyHead(nn.Sequential(*body), nn.Linear(widths[-1], outputs))
