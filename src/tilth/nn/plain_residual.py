"""A residual block without norms, for nets that give pictures back.

Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution", figure 2(c):
norms take away the range that pictures have to come back in.
"""

from __future__ import annotations

from torch import Tensor, nn


class PlainResidual(nn.Module):
    """[B, width, H, W] -> the same: ``x + conv(relu(conv(x)))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined map."""
        refined: Tensor = x + self.branch(x)
        return refined
