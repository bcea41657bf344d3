"""A transposed convolution that begins as bilinear interpolation and may learn to do better.

Long, Shelhamer and Darrell 2015, "Fully Convolutional Networks for Semantic Segmentation",
section 3.3. Departure: borders are repeated outwards before it, so that it equals the
interpolation there too, where the paper has zeros and cuts more off.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import UserError


class BilinearUpsampling(nn.Module):
    """[B, channels, H, W] -> [B, channels, factor H, factor W], channels mixed once it learns.

    Raises UserError for an odd factor.

    >>> x = torch.rand(1, 2, 3, 4)
    >>> larger = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    >>> torch.allclose(BilinearUpsampling(2, 4)(x), larger, atol=1e-6)
    True
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        if factor < 2 or factor % 2:
            raise UserError(f"factor={factor}", rule="maps grow by an even factor")
        self.factor = factor
        self.conv = nn.ConvTranspose2d(
            channels, channels, 2 * factor, stride=factor, padding=3 * factor // 2, bias=False
        )
        with torch.no_grad():
            self.conv.weight.copy_(bilinear_kernel(factor) * torch.eye(channels)[..., None, None])

    def forward(self, maps: Tensor) -> Tensor:
        """Return the larger maps."""
        larger: Tensor = self.conv(F.pad(maps, (1, 1, 1, 1), mode="replicate"))
        return larger


def bilinear_kernel(factor: int) -> Tensor:
    """Return the [2 factor, 2 factor] weights of bilinear interpolation by an even factor.

    >>> bilinear_kernel(2)[0] * 16
    tensor([1., 3., 3., 1.])
    """
    places = torch.arange(2 * factor, dtype=torch.float32)
    line = 1 - (places - (factor - 0.5)).abs() / factor
    return line[:, None] * line
