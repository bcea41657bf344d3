"""The hundred-layer tiramisu: dense blocks down and up, with a way across at every size.

Jegou, Drozdzal, Vazquez, Romero and Bengio 2017, "The One Hundred Layers Tiramisu: Fully
Convolutional DenseNets for Semantic Segmentation", section 3 and table 2. Widths are those of the
authors' code, whose README corrects the table by 16 channels: 112 after the first block of
FC-DenseNet103, 256 after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tilth.errors import UserError, choose
from tilth.nn.pixel_answers import PixelAnswers
from tilth.nn.sizes import height_width


@dataclass(frozen=True)
class Layers:
    """How many layers: first: channels of the first convolution; growth: channels of a layer.

    blocks: layers of the blocks on the way down, and mirrored on the way up; bottleneck: between
    """

    first: int
    growth: int
    blocks: tuple[int, ...]
    bottleneck: int


NETS = {
    "small": Layers(24, 12, (2, 3, 4), 4),  # own: for minutes on a processor
    "fc_densenet56": Layers(48, 12, (4, 4, 4, 4, 4), 4),
    "fc_densenet67": Layers(48, 16, (5, 5, 5, 5, 5), 5),
    "fc_densenet103": Layers(48, 16, (4, 5, 7, 10, 12), 15),
}


class DenseBlock(nn.Module):
    """Layers that each see the maps of all before them; gives what the layers made.

    >>> DenseBlock(8, growth=4, count=3, dropout=0.2)(torch.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 12, 4, 4])
    """

    def __init__(self, fan_in: int, *, growth: int, count: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _norm_relu_conv(fan_in + place * growth, growth, 3, dropout) for place in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, count x growth, H, W]."""
        made: list[Tensor] = []
        for layer in self.layers:
            made.append(layer(torch.cat([x, *made], dim=1)))
        return torch.cat(made, dim=1)


def _norm_relu_conv(fan_in: int, fan_out: int, side: int, dropout: float) -> nn.Sequential:
    conv = nn.Conv2d(fan_in, fan_out, side, padding=side // 2)
    return nn.Sequential(nn.BatchNorm2d(fan_in), nn.ReLU(), conv, nn.Dropout(dropout))


class TiramisuBody(nn.Module):
    """Pictures [B, C, H, W] -> features [B, width, H, W]."""

    def __init__(self, channels: int, layers: Layers, dropout: float) -> None:
        super().__init__()
        grown = {"growth": layers.growth, "dropout": dropout}
        self.first = nn.Conv2d(channels, layers.first, 3, padding=1)
        self.across: list[int] = []  # channels at each size on the way down
        width, down, shrink = layers.first, [], []
        for count in layers.blocks:
            down.append(_dense(width, count, grown))
            width += count * layers.growth
            self.across.append(width)
            narrow = _norm_relu_conv(width, width, 1, dropout)
            shrink.append(nn.Sequential(narrow, nn.MaxPool2d(2)))
        self.down, self.shrink = nn.ModuleList(down), nn.ModuleList(shrink)
        self.bottleneck = _dense(width, layers.bottleneck, grown)
        grow: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, count in pairwise((layers.bottleneck, *reversed(layers.blocks))):
            made = before * layers.growth
            grow.append(nn.ConvTranspose2d(made, made, 3, stride=2, padding=1, output_padding=1))
            width = made + self.across[-1 - len(up)]
            up.append(_dense(width, count, grown))
        self.grow, self.up = nn.ModuleList(grow), nn.ModuleList(up)
        self.width = width + layers.blocks[0] * layers.growth

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of every pixel."""
        x = self.first(pictures)
        passed = []
        for down, shrink in zip(self.down, self.shrink, strict=True):
            x = torch.cat([x, down(x)], dim=1)
            passed.append(x)
            x = shrink(x)
        made = self.bottleneck(x)  # only what the last block made goes up (section 3.2)
        for grow, up in zip(self.grow, self.up, strict=True):
            x = torch.cat([grow(made), passed.pop()], dim=1)
            made = up(x)
        return torch.cat([x, made], dim=1)


def _dense(fan_in: int, count: int, grown: dict[str, Any]) -> DenseBlock:
    return DenseBlock(fan_in, growth=grown["growth"], count=count, dropout=grown["dropout"])


def tiramisu(
    *,
    channels: int,
    size: int | Sequence[int],
    pixel_outputs: int,
    net: str = "small",
    dropout: float = 0.2,
) -> nn.Module:
    """Return a fully convolutional DenseNet: [B, channels, H, W] -> [B, pixel_outputs, H, W].

    channels, size: of the pictures to learn from; others of any size fit
    net: "small", "fc_densenet56", "fc_densenet67" or "fc_densenet103"
    pixel_outputs: classes of a pixel; dropout: after each convolution of a block

    Raises UserError for an unknown net, and for a dropout outside [0, 1).

    >>> net = tiramisu(channels=3, size=(72, 96), pixel_outputs=11)
    >>> net(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 11, 45, 61])
    """
    layers = NETS[choose(net, NETS, "net")]
    height_width(size, at_least=2 ** len(layers.blocks))
    if not 0 <= dropout < 1:
        raise UserError(f"dropout={dropout}", rule="it is a share from 0 to below 1")
    body = TiramisuBody(channels, layers, dropout)
    for layer in body.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # as the paper does
    head = nn.Conv2d(body.width, pixel_outputs, 1)
    return PixelAnswers(body, head, multiple=2 ** len(layers.blocks))
