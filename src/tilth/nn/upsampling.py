"""Ways to make maps larger by a learned layer, each with its own traces in what comes out.

Pixel shuffle (Shi et al. 2016) begun by ICNR (Aitken et al. 2017, "Checkerboard artifact free
sub-pixel convolution", section 2.2), nearest neighbours and a convolution (Odena, Dumoulin and
Olah 2016, "Deconvolution and Checkerboard Artifacts"), and a transposed convolution without
overlap (Ronneberger et al. 2015).
"""

from __future__ import annotations

import torch
from torch import nn

from tilth.errors import choose

UPSAMPLINGS = ("shuffle", "nearest", "transposed")


def upsampling(kind: str, fan_in: int, fan_out: int, factor: int = 2) -> nn.Module:
    """Return a layer [B, fan_in, H, W] -> [B, fan_out, factor H, factor W].

    kind: "shuffle", "nearest" or "transposed"; raises UserError for another one

    >>> upsampling("shuffle", 8, 4)(torch.zeros(1, 8, 3, 5)).shape
    torch.Size([1, 4, 6, 10])
    """
    choose(kind, UPSAMPLINGS, "way of upsampling")
    if kind == "transposed":
        return nn.ConvTranspose2d(fan_in, fan_out, factor, stride=factor)
    if kind == "nearest":
        return nn.Sequential(
            nn.Upsample(scale_factor=factor, mode="nearest"),
            nn.Conv2d(fan_in, fan_out, 3, padding=1),
        )
    conv = nn.Conv2d(fan_in, fan_out * factor**2, 1)
    icnr_(conv, factor)
    return nn.Sequential(conv, nn.PixelShuffle(factor))


def icnr_(conv: nn.Conv2d, factor: int) -> None:
    """Begin a convolution before a pixel shuffle so that both are nearest-neighbour upsampling.

    Every ``factor ** 2`` channels that make one begin alike, with He's normal weights and no bias.

    >>> conv = nn.Conv2d(1, 4, 1)
    >>> icnr_(conv, 2)
    >>> conv.weight.unique().numel()
    1
    """
    with torch.no_grad():
        one = torch.empty_like(conv.weight[:: factor**2])
        nn.init.kaiming_normal_(one, nonlinearity="relu")
        conv.weight.copy_(one.repeat_interleave(factor**2, dim=0))
        if conv.bias is not None:
            conv.bias.zero_()
