"""A picture that is trained: a model with one parameter.

What iterative style transfer optimises (Gatys et al. 2016), through the same loop as any net.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Picture(nn.Module):
    """Answers any input with its own picture.

    start: [1, C, H, W] model inputs (normalised as the feature net wants them)

    >>> picture = Picture(torch.zeros(1, 3, 8, 8))
    >>> picture(None).shape, len(list(picture.parameters()))
    (torch.Size([1, 3, 8, 8]), 1)
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.pixels = nn.Parameter(start.detach().clone())

    def forward(self, inputs: Any) -> Tensor:
        """Return the picture, [1, C, H, W]."""
        return self.pixels.clone(memory_format=torch.preserve_format)
