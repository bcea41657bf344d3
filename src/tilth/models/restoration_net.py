"""A net that gives pictures back in their own size, without what was done to them.

An encoder and a decoder with a way past each halving (Ronneberger, Fischer and Brox 2015, "U-Net")
that learn what to add to the picture as it is (Zhang et al. 2017, "Beyond a Gaussian Denoiser",
section 3). Departures: ways past are added, not laid beside; residual blocks without norms and
sub-pixel convolutions (Lim et al. 2017), as in ``super_resolution``; the net begins with adding
nothing.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.plain_residual import PlainResidual


class RestorationNet(nn.Module):
    """``inputs + correction(inputs)``, [B, C, H, W] -> the same, for sides of any length."""

    def __init__(self, channels: int, width: int, blocks: int, halvings: int) -> None:
        super().__init__()
        widths = [width * 2**step for step in range(halvings + 1)]
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(few, many, 4, stride=2, padding=1), nn.ReLU())
            for few, many in pairwise(widths)
        )
        self.middle = nn.Sequential(*(PlainResidual(widths[-1]) for _ in range(blocks)))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(many, 4 * few, 3, padding=1), nn.PixelShuffle(2), nn.ReLU())
            for many, few in pairwise(reversed(widths))
        )
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the pictures cleaned up."""
        height, width = inputs.shape[-2:]
        restored: Tensor = inputs + self.last(self.features(inputs))[..., :height, :width]
        return restored

    def features(self, inputs: Tensor) -> Tensor:
        """Return what the correction is made of, the sides filled up to whole halvings."""
        step = 2 ** len(self.down)
        height, width = inputs.shape[-2:]
        x = self.first(F.pad(inputs, (0, -width % step, 0, -height % step), mode="replicate"))
        passed = []
        for halve in self.down:
            passed.append(x)
            x = halve(x)
        x = self.middle(x)
        for double in self.up:
            x = double(x) + passed.pop()
        found: Tensor = x
        return found


def restoration_net(
    *, channels: int = 3, width: int = 32, blocks: int = 4, halvings: int = 2
) -> nn.Module:
    """Return a net that gives pictures back in their own size.

    width: channels at full size, doubled by each of the ``halvings``; blocks: at the smallest size
    Raises UserError for fewer than one halving.

    >>> import torch
    >>> net = restoration_net(width=8, blocks=1)
    >>> picture = torch.rand(1, 3, 5, 7)
    >>> torch.equal(net(picture), picture)  # untrained
    True
    """
    if halvings < 1:
        raise UserError(f"halvings={halvings}", rule="the net halves pictures at least once")
    return RestorationNet(channels, width, blocks, halvings)
