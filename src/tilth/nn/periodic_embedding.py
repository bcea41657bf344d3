"""Periodic embeddings of numbers: what lets a net follow a number's kinks and steps.

Gorishniy, Rubachev and Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
Learning" (https://arxiv.org/abs/2203.05556), section 3.3, "PLR": periodic activations with
learned frequencies, then for each number a linear layer of its own and ReLU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PeriodicEmbedding(nn.Module):
    """[B, num_numbers] standardised numbers -> [B, num_numbers * width].

    frequencies: learned per number, in turns per standard deviation, starting as normal numbers
    of sd ``scale``; width: features per number

    >>> PeriodicEmbedding(3)(torch.zeros(5, 3)).shape
    torch.Size([5, 24])
    """

    def __init__(
        self, num_numbers: int, *, frequencies: int = 16, width: int = 8, scale: float = 0.2
    ) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(num_numbers, frequencies) * scale)
        # the variance of sine and cosine together is 1 / 2 per frequency
        bound = math.sqrt(1 / frequencies)
        self.weight = nn.Parameter(torch.randn(num_numbers, 2 * frequencies, width) * bound)
        self.bias = nn.Parameter(torch.zeros(num_numbers, 1, width))
        self.width = num_numbers * width

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the features of all numbers, side by side."""
        angles = 2 * math.pi * numbers.T[:, :, None] * self.frequencies[:, None, :]
        waves = torch.cat([angles.sin(), angles.cos()], dim=2)
        features = torch.baddbmm(self.bias, waves, self.weight).relu()
        return features.transpose(0, 1).flatten(1)
