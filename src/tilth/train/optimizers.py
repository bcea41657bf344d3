"""AdamW with weight decay where it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

BODY_SHARE = 3.0  # how many times the head's rate is that of the body, where one rate is given


def decay_groups(modules: Iterable[nn.Module], decay: float) -> list[dict[str, object]]:
    """Split trainable parameters into decayed (matrices, kernels) and plain (norms, biases).

    Parameters shared between modules appear once.
    """
    return _split((p for module in modules for p in module.parameters()), decay)


def _split(parameters: Iterable[nn.Parameter], decay: float) -> list[dict[str, object]]:
    decayed: dict[nn.Parameter, None] = {}
    plain: dict[nn.Parameter, None] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            (decayed if parameter.dim() >= 2 else plain)[parameter] = None
    groups = [
        {"params": list(decayed), "weight_decay": decay},
        {"params": list(plain), "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def adamw(module: nn.Module, lr: float, *, decay: float = 0.01) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019), fused, with no decay on norms and biases.

    >>> optimizer = adamw(nn.Linear(2, 1), lr=0.1)
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.01, 0.0]
    """
    return torch.optim.AdamW(decay_groups([module], decay), lr=lr, fused=True)


def layered_adamw(
    layers: Sequence[Iterable[nn.Parameter]], rates: Sequence[float], *, decay: float = 0.01
) -> torch.optim.AdamW:
    """Return the same AdamW with a peak rate for each layer group.

    layers: the parameters of each group, first layers first; rates: one for each of them

    >>> body, head = nn.Linear(2, 2), nn.Linear(2, 1)
    >>> optimizer = layered_adamw([body.parameters(), head.parameters()], [0.001, 0.1])
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.001, 0.001, 0.1, 0.1]
    """
    groups = [
        {**group, "lr": rate}
        for parameters, rate in zip(layers, rates, strict=True)
        for group in _split(parameters, decay)
    ]
    return torch.optim.AdamW(groups, lr=max(rates), fused=True)


def layer_rates(asked: Sequence[float], groups: int) -> list[float]:
    """Return the peak rate of each of ``groups`` layer groups, from the first layers to the head.

    asked: (first, last): in even ratios from the one to the other; (last,): the head's, and a
        third of it for every other group (as in fastai's first version; its second takes a tenth)

    >>> layer_rates((0.01, 1.0), 3), layer_rates((0.3,), 2)
    ([0.01, 0.1, 1.0], [0.09999999999999999, 0.3])
    """
    last = asked[-1]
    if len(asked) == 1:
        return [last / BODY_SHARE] * (groups - 1) + [last]
    ratio = (last / asked[0]) ** (1 / (groups - 1))
    return [asked[0] * ratio**place for place in range(groups - 1)] + [last]
