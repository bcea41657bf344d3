"""AdamW with weight decay where it belongs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def decay_groups(modules: Iterable[nn.Module], decay: float) -> list[dict[str, object]]:
    """Split trainable parameters into decayed (matrices, kernels) and plain (norms, biases).

    Parameters shared between modules appear once.
    """
    decayed: dict[nn.Parameter, None] = {}
    plain: dict[nn.Parameter, None] = {}
    for module in modules:
        for parameter in module.parameters():
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
