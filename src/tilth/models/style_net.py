"""A net that gives any picture one style in a single pass.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution", supplement, table 1: convolutions 9 x 9 at both ends, two halvings, five
residual blocks. Departures, as in most later implementations: instance norm in place of batch
norm (Ulyanov, Vedaldi and Lempitsky 2016), reflected borders in every convolution, repeated pixels
and a convolution in place of transposed convolutions.
"""

from __future__ import annotations

from torch import nn

from tilth.nn.picture_translator import picture_translator


def style_net(*, channels: int = 3, width: int = 32, blocks: int = 5) -> nn.Module:
    """Return a net [B, channels, H, W] -> the same in [-1, 1]; sides are multiples of 4.

    >>> net = style_net()
    >>> sum(p.numel() for p in net.parameters())
    1679235
    """
    return picture_translator(
        channels, channels, width=width, blocks=blocks, kernel=9, affine=True, resize=True
    )
