"""A decoder on any encoder, with a way across at every size: a class for every pixel.

Ronneberger, Fischer and Brox 2015, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", on an encoder whose sizes are found by trying it, as fastai's DynamicUnet does
(Howard and Gugger 2020). Departures: convolutions keep the size, so that the mask has that of the
picture; where the encoder begins with a stride, the picture itself is the last way across.
``unet(encoder="double_conv", upsampling="transposed", norm=False, width=64)`` is the paper's net.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import timm
import torch
from torch import Tensor, nn

from tilth.models._backbone import note_colours
from tilth.models._encoders import OWN, double_conv, unused_by
from tilth.models._encoders import encoder as make_encoder
from tilth.nn.encoder_maps import MapSize, map_sizes
from tilth.nn.pixel_answers import PixelAnswers
from tilth.nn.sizes import height_width
from tilth.nn.upsampling import upsampling as make_upsampling

_LEAST_WIDTH = 16  # channels at full size


class UNetBody(nn.Module):
    """Pictures [B, C, H, W] -> features [B, width, H, W] through an encoder and a decoder."""

    def __init__(
        self, encoder: nn.Module, sizes: Sequence[MapSize], upsampling: str, norm: bool
    ) -> None:
        super().__init__()
        self.encoder, self.sizes = encoder, tuple(sizes)
        widths = [sizes[-1].channels]
        ups, merges = [], []
        for coarse, fine in pairwise(reversed(sizes)):
            width = max(fine.channels, widths[-1] // 2, _LEAST_WIDTH)
            factor = coarse.reduction // fine.reduction
            ups.append(make_upsampling(upsampling, widths[-1], width, factor))
            merges.append(double_conv(width + fine.channels, width, norm=norm))
            widths.append(width)
        self.up, self.merge = nn.ModuleList(ups), nn.ModuleList(merges)
        self.width = widths[-1]

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of every pixel."""
        maps = self.encoder(pictures)
        if len(maps) < len(self.sizes):  # the encoder begins with a stride
            maps = [pictures, *maps]
        x: Tensor = maps[-1]
        for up, merge, across in zip(self.up, self.merge, reversed(maps[:-1]), strict=True):
            x = merge(torch.cat([up(x), across], dim=1))
        return x


def unused(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that ``unet`` refuses, as its encoder does not use them.

    >>> unused({"encoder": "resnet34", "width": 64})
    {'width': 64}
    """
    return unused_by(arguments.get("encoder", OWN[0]) in OWN, arguments)


def unet(
    *,
    channels: int,
    size: int | Sequence[int],
    pixel_outputs: int,
    encoder: str = "small_resnet",
    width: int | None = None,
    upsampling: str = "shuffle",
    norm: bool = True,
    weights: str | None = None,
    more_channels: str | None = None,
    trained_size: int | Sequence[int] | None = None,
) -> nn.Module:
    """Return a U-Net: pictures [B, channels, H, W] -> logits [B, pixel_outputs, H, W].

    channels, size: of the pictures to learn from; others of any size fit
    pixel_outputs: classes of a pixel
    encoder: "small_resnet", "double_conv" (the paper's), or a convolutional net of timm
    width: channels of the first stage of an own encoder, 32 by default
    upsampling: "shuffle", "nearest" or "transposed"; norm: whether convolutions are followed by
    batch norm
    weights: of an encoder of timm, a local .safetensors file or "cache"; more_channels: what its
    first convolution does with other pictures than colour ones, as in ``timm_backbone``
    trained_size: of the pictures that an encoder small_resnet first learned from, as there; the
    layers of other encoders do not depend on the size

    Raises UserError for an encoder or a way of upsampling that there is none of, and for an
    argument that the encoder does not use.

    >>> net = unet(channels=3, size=(72, 96), pixel_outputs=11, width=8)
    >>> net(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 11, 45, 61])
    """
    height_width(size, at_least=4)
    net = make_encoder(
        encoder,
        channels=channels,
        size=size if trained_size is None else trained_size,
        width=width,
        norm=norm,
        weights=weights,
        more_channels=more_channels,
    )
    sizes = map_sizes(net, channels)
    if sizes[0].reduction > 1:
        sizes = [MapSize(channels, 1), *sizes]
    body = UNetBody(net, sizes, upsampling, norm)
    whole = PixelAnswers(
        body,
        nn.Conv2d(body.width, pixel_outputs, 1),
        multiple=sizes[-1].reduction,
        decoder=[body.up, body.merge],
    )
    if weights is None:
        return whole
    config: Any = timm.get_pretrained_cfg(encoder)
    return note_colours(whole, config.mean, config.std)
