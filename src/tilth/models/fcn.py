"""Fully convolutional nets: a classifier whose maps are scored for every pixel.

Long, Shelhamer and Darrell 2015, "Fully Convolutional Networks for Semantic Segmentation": FCN-32s,
-16s and -8s on VGG16, here with padding that keeps sizes instead of 100 px around the picture, and
borders repeated where maps are enlarged; the same heads on a small net; and the FCN of torchvision,
a dilated ResNet (its names: fcn_resnet50, fcn_resnet101).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision.models import segmentation

from tilth.errors import UserError, choose
from tilth.models._backbone import load_weights, note_colours
from tilth.models._encoders import encoder, refuse_unused, unused_by
from tilth.models.torchvision_backbone import COLOURS, for_channels, torchvision_backbone
from tilth.nn.bilinear import BilinearUpsampling
from tilth.nn.encoder_maps import MapSize, map_sizes
from tilth.nn.pixel_answers import PixelAnswers
from tilth.nn.sizes import height_width

_DILATED = ("fcn_resnet50", "fcn_resnet101")
_STRIDES = {"fcn8s_vgg16": 8, "fcn16s_vgg16": 16, "fcn32s_vgg16": 32}
NETS = ("small", *_STRIDES, *_DILATED)
_VGG16_SIZES = (MapSize(256, 8), MapSize(512, 16), MapSize(4096, 32))
_AFTER_POOLS = (17, 24, 31)  # where VGG16's third, fourth and fifth pool end
_SCORED = 3  # maps that the small net scores, as FCN-8s does


def known() -> list[str]:
    """Return the names of nets that ``named`` knows."""
    return [name for name in NETS if name != "small"]


def named(name: str) -> dict[str, Any] | None:
    """Return the arguments that a net's own name stands for, None for another name.

    >>> named("fcn_resnet50")
    {'net': 'fcn_resnet50'}
    """
    return {"net": name} if name in known() else None


class SkipScores(nn.Module):
    """Maps of several sizes -> [B, classes, H, W]: scored, enlarged and added, coarse to fine."""

    def __init__(self, sizes: Sequence[MapSize], classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(size.channels, classes, 1) for size in sizes)
        factors = [coarse.reduction // fine.reduction for fine, coarse in pairwise(sizes)]
        self.up = nn.ModuleList(_enlarging(classes, factor) for factor in factors)
        self.last = _enlarging(classes, sizes[0].reduction)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the logits; maps: from the finest to the coarsest."""
        scored = [score(one) for score, one in zip(self.scores, maps, strict=True)]
        x = scored.pop()
        for up in reversed(self.up):
            x = up(x) + scored.pop()
        answers: Tensor = self.last(x)
        return answers


def _enlarging(classes: int, factor: int) -> nn.Module:
    return BilinearUpsampling(classes, factor) if factor > 1 else nn.Identity()


class Vgg16Maps(nn.Module):
    """VGG16 with its dense layers as convolutions; the last of its maps, from fine to coarse."""

    def __init__(self, vgg: Any, stride: int) -> None:
        super().__init__()
        layers = list(vgg.features)
        starts = (0, *_AFTER_POOLS)
        self.stages = nn.ModuleList(nn.Sequential(*layers[a:b]) for a, b in pairwise(starts))
        first, second = vgg.classifier[0], vgg.classifier[3]
        self.dense = nn.Sequential(
            as_convolution(first, 7),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            as_convolution(second, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(),
        )
        self.scored = sum(size.reduction >= stride for size in _VGG16_SIZES)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps that are scored."""
        found, x = [], pictures
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        found[-1] = self.dense(x)
        return found[-self.scored :]


def as_convolution(dense: nn.Linear, side: int) -> nn.Conv2d:
    """Return a dense layer over [C, side, side] as a convolution with the same weights.

    >>> as_convolution(nn.Linear(8 * 7 * 7, 5), 7).weight.shape
    torch.Size([5, 8, 7, 7])
    """
    conv = nn.Conv2d(dense.in_features // side**2, dense.out_features, side, padding=side // 2)
    conv.load_state_dict({"weight": dense.weight.view(conv.weight.shape), "bias": dense.bias.data})
    return conv


class LastMaps(nn.Module):
    """The last ``count`` maps of an encoder."""

    def __init__(self, encoder: nn.Module, count: int) -> None:
        super().__init__()
        self.encoder, self.count = encoder, count

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps, from the finest to the coarsest."""
        maps: list[Tensor] = self.encoder(pictures)
        return maps[-self.count :]


class DilatedBody(nn.Module):
    """The dilated ResNet of torchvision's FCN and the convolution after it."""

    def __init__(self, backbone: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, pictures: Tensor) -> Tensor:
        """Return features [B, 512, H / 8, W / 8]."""
        features: Tensor = self.neck(self.backbone(pictures)["out"])
        return features


def unused(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that ``fcn`` refuses, as its net does not use them.

    >>> unused({"net": "fcn_resnet50", "width": 64}), unused({"width": 64})
    ({'width': 64}, {})
    """
    return unused_by(arguments.get("net", "small") == "small", arguments)


def fcn(
    *,
    channels: int,
    size: int | Sequence[int],
    pixel_outputs: int,
    net: str = "small",
    width: int | None = None,
    weights: str | None = None,
    more_channels: str | None = None,
    trained_size: int | Sequence[int] | None = None,
) -> nn.Module:
    """Return a fully convolutional net: pictures [B, channels, H, W] -> [B, pixel_outputs, H, W].

    channels, size: of the pictures to learn from; others of any size fit
    net: "small" (on ``small_resnet``), "fcn8s_vgg16", "fcn16s_vgg16", "fcn32s_vgg16",
    "fcn_resnet50" or "fcn_resnet101"
    width: channels of the first stage of the small net, 32 by default
    weights: a local .safetensors file under torchvision's names: of its VGG16, whose dense layers
    become convolutions, or of its FCN; more_channels: as in ``torchvision_backbone``
    trained_size: of the pictures that a small net first learned from, as in ``small_resnet``; the
    layers of the others do not depend on the size
    pixel_outputs: classes of a pixel
    Raises UserError for an unknown net, weights that do not fit, and an argument that the net
    does not use.

    >>> import torch
    >>> fcn(channels=3, size=(72, 96), pixel_outputs=11, width=8)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 11, 45, 61])
    """
    choose(net, NETS, "net")
    given = {"net": net, "width": width, "more_channels": more_channels}
    refuse_unused(unused(given), f"the net {net}")
    height_width(size, at_least=4)
    adapted = "repeat" if more_channels is None else more_channels
    if net in _DILATED:
        return _dilated(net, channels, pixel_outputs, weights, adapted)
    if net in _STRIDES:
        # built for the size of its dense layers, which are convolutions afterwards
        vgg: Any = torchvision_backbone(
            backbone="vgg16",
            channels=channels,
            size=224,
            outputs=1,
            weights=weights,
            more_channels=adapted,
        )
        body: nn.Module = Vgg16Maps(vgg.body, _STRIDES[net])
        sizes = [one for one in _VGG16_SIZES if one.reduction >= _STRIDES[net]]
    else:
        if weights is not None:
            raise UserError(
                f"weights={weights!r} for the small net",
                rule="weights of torchvision are for its own nets",
                fix=f"name one of them: net={_DILATED[0]!r}",
            )
        first = size if trained_size is None else trained_size
        maps = encoder("small_resnet", channels=channels, size=first, width=width)
        body = LastMaps(maps, _SCORED)
        sizes = map_sizes(body, channels)
    head = SkipScores(sizes, pixel_outputs)
    whole = PixelAnswers(body, head, multiple=sizes[-1].reduction)
    return note_colours(whole, *COLOURS) if weights is not None else whole


def _dilated(
    net: str, channels: int, classes: int, weights: str | None, more_channels: str
) -> nn.Module:
    whole: Any = segmentation.__dict__[net](
        weights=None, weights_backbone=None, num_classes=classes, aux_loss=False
    )
    if channels != whole.backbone.conv1.in_channels:
        whole.backbone.conv1 = for_channels(whole.backbone.conv1, channels)
    head = whole.classifier[-1]
    if weights is not None:
        whole.classifier[-1] = nn.Identity()
        load_weights(
            whole,
            Path(weights),
            channels=channels,
            first=["backbone.conv1"],
            left_out=["classifier.4", "aux_classifier"],
            more_channels=more_channels,
        )
    neck = nn.Sequential(*list(whole.classifier)[:-1])
    found = PixelAnswers(DilatedBody(whole.backbone, neck), head)
    return note_colours(found, *COLOURS) if weights is not None else found
