"""A net that gives any picture one style in a single pass.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution", supplement, table 1: convolutions 9 x 9 at both ends, two halvings, five
residual blocks. Departures, as in most later implementations: instance norm in place of batch
norm (Ulyanov, Vedaldi and Lempitsky 2016), reflected borders in every convolution, repeated pixels
and a convolution in place of transposed convolutions.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from tilth.nn.picture_translator import picture_translator

HALVINGS = 2


class StyleNet(nn.Module):
    """[B, channels, H, W] -> the same, in [0, 1], for sides of any length from 5 px on."""

    def __init__(self, translate: nn.Module) -> None:
        super().__init__()
        self.translate = translate

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the pictures in the style; sides are filled up to whole halvings, and cut."""
        height, width = inputs.shape[-2:]
        step = 2**HALVINGS
        filled = F.pad(inputs, (0, -width % step, 0, -height % step), mode="replicate")
        styled: Tensor = (self.translate(2 * filled - 1) + 1) / 2
        return styled[..., :height, :width]


def style_net(*, channels: int = 3, width: int = 32, blocks: int = 5) -> nn.Module:
    """Return a net from pictures [B, channels, H, W] in [0, 1] to the same in one style.

    >>> net = style_net()
    >>> sum(p.numel() for p in net.parameters())
    1679235
    """
    return StyleNet(
        picture_translator(
            channels,
            channels,
            width=width,
            blocks=blocks,
            halvings=HALVINGS,
            kernel=9,
            affine=True,
            resize=True,
        )
    )
