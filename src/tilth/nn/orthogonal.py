"""Orthogonal starts and the small dense nets of policies that have them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn


def orthogonal(module: nn.Module, gain: float = math.sqrt(2)) -> nn.Module:
    """Give all linear layers and convolutions orthogonal weights and no bias; return the module.

    Saxe et al. 2014 ("Exact solutions to the nonlinear dynamics of learning"). The gains are those
    of the PPO code by its authors: root 2 in hidden layers, 0.01 for policies, 1 for values.

    >>> weight = orthogonal(nn.Linear(4, 4), gain=1.0).weight.detach()
    >>> round(float((weight @ weight.T).trace()), 4)
    4.0
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def dense(
    inputs: int,
    layers: Sequence[int],
    outputs: int,
    *,
    activation: Callable[[], nn.Module],
    gain: float,
) -> nn.Sequential:
    """Return linear layers with activations between, orthogonal, the last with ``gain``.

    >>> dense(4, (8,), 2, activation=nn.Tanh, gain=0.01)
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): Tanh()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """
    widths = [inputs, *layers]
    hidden: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        hidden += [orthogonal(nn.Linear(fan_in, fan_out)), activation()]
    return nn.Sequential(*hidden, orthogonal(nn.Linear(widths[-1], outputs), gain))
