"""Losses, values and log-probabilities are computed in float32 or better."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Return ``values`` in float32, or as they are where they are wider.

    >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
    torch.float32
    >>> at_least_float32(torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which layers compute in the numbers that they are given.

    >>> layer, one = torch.nn.Linear(1, 1), torch.ones(1)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16), without_autocast(one.device):
    ...     layer(one).dtype
    torch.float32
    """
    kind = device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
