"""A net that makes pictures larger: what is missing between the pixels is learned.

Lim, Son, Kim, Nah and Lee 2017, "Enhanced Deep Residual Networks for Single Image
Super-Resolution" (EDSR), section 3: residual blocks without norms at the small size, then sub-pixel
convolutions (Shi et al. 2016). Departure: the net learns what to add to the bicubic enlargement
and begins with nothing, so that it starts at the bicubic one (Kim et al. 2016, VDSR).
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.plain_residual import PlainResidual


class SuperResolution(nn.Module):
    """``enlarged(inputs) + details(inputs)``, [B, C, H, W] -> [B, C, factor H, factor W]."""

    def __init__(self, details: nn.Module, factor: int) -> None:
        super().__init__()
        self.details, self.factor = details, factor

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the enlarged pictures."""
        larger: Tensor = enlarged(inputs, self.factor) + self.details(inputs)
        return larger


def enlarged(pictures: Tensor, factor: int) -> Tensor:
    """Return the bicubic enlargement, the baseline of every such net."""
    return F.interpolate(pictures, scale_factor=factor, mode="bicubic", align_corners=False)


def super_resolution(
    *, channels: int = 3, factor: int = 2, width: int = 32, blocks: int = 4
) -> nn.Module:
    """Return a net that makes pictures ``factor`` times as large: 2, 4 or 8.

    width, blocks: small, for minutes on a processor; the smaller net of EDSR has 64 and 16

    Raises UserError for another factor.

    >>> import torch
    >>> net = super_resolution(width=8, blocks=1)
    >>> net(torch.zeros(1, 3, 5, 7)).shape
    torch.Size([1, 3, 10, 14])
    """
    if factor not in (2, 4, 8):
        raise UserError(f"factor={factor}", rule="pictures get larger by doubling: 2, 4 or 8")
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1)]
    layers += [PlainResidual(width) for _ in range(blocks)]
    for _ in range(int(math.log2(factor))):
        layers += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
    last = nn.Conv2d(width, channels, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return SuperResolution(nn.Sequential(*layers, last), factor)
