"""Numbers brought from the scale of one net to that of another, inside a chain of layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Rescale(nn.Module):
    """``inputs * scale + shift``, each [C], for pictures [B, C, H, W].

    >>> Rescale([2.0], [1.0])(torch.ones(1, 1, 1, 1)).item()
    3.0
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Sequence[float], shift: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale)[:, None, None])
        self.register_buffer("shift", torch.tensor(shift)[:, None, None])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs in the other scale."""
        return inputs * self.scale + self.shift
