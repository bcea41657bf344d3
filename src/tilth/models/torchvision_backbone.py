"""An image backbone of torchvision, from scratch or from a local weights file.

AlexNet (Krizhevsky 2014), VGG (Simonyan and Zisserman 2015), GoogLeNet (Szegedy et al. 2015),
ResNet (He et al. 2016), ResNeXt (Xie et al. 2017), DenseNet (Huang et al. 2017) and SqueezeNet
(Iandola et al. 2016) as torchvision builds them, with its names of tensors. Departures: no ReLU
after the last layer of SqueezeNet, whose classifier is a linear head here; ``transform_input`` of
GoogLeNet is off, as pictures are normalised before. Nothing is downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision import models
from torchvision.models.googlenet import InceptionAux

from tilth.errors import UserError, choose
from tilth.models._backbone import (
    CACHE,
    STEMS,
    conversion,
    load_weights,
    made_for,
    note_colours,
    unknown,
    with_small_stem,
)
from tilth.nn.auxiliary import WEIGHT, AuxiliaryHeads
from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


@dataclass(frozen=True)
class _Family:
    """Where a family keeps its first convolution and its classifier, and what else is left out."""

    first: str
    classifier: str
    more: tuple[str, ...] = ()


_FAMILIES = {
    "alexnet": _Family("features.0", "classifier.6"),
    "vgg": _Family("features.0", "classifier.6"),
    "googlenet": _Family("conv1.conv", "fc", ("aux1", "aux2")),
    "resnet": _Family("conv1", "fc"),
    "resnext": _Family("conv1", "fc"),
    "wide_resnet": _Family("conv1", "fc"),
    "densenet": _Family("features.conv0", "classifier"),
    "squeezenet": _Family("features.0", "classifier"),
}
COLOURS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation by which torchvision normalised the pictures of all its weights."""
_AUXILIARY = {"inception4a": 512, "inception4d": 528}  # layer -> its channels; aux1 and aux2
# names of the published DenseNet files, "norm.1", are older than those of its layers, "norm1"
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def known() -> list[str]:
    """Return the names of torchvision's that belong to these families."""
    return [name for name in models.list_models(module=models) if _family(name)]


def named(name: str) -> dict[str, Any] | None:
    """Return the arguments that a name of torchvision stands for, None for another name.

    GoogLeNet learns with its auxiliary heads.

    >>> named("alexnet"), named("googlenet"), named("swin_t")
    ({'backbone': 'alexnet'}, {'backbone': 'googlenet', 'auxiliary': 0.3}, None)
    """
    if name not in known():
        return None
    return {"backbone": name} | ({"auxiliary": WEIGHT} if name == "googlenet" else {})


def torchvision_backbone(
    *,
    backbone: str,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    weights: str | None = None,
    stem: str = "own",
    more_channels: str = "repeat",
    auxiliary: float = 0.0,
) -> nn.Module:
    """Return a backbone of torchvision without its classifier, and a linear head.

    backbone: such as "alexnet", "vgg16_bn", "googlenet"; channels, size: of the pictures
    weights: a local .safetensors file for it, or "cache" for one that was converted in the folder
    into which torchvision downloads; a classifier in it is left out
    stem: "small" for ResNets on pictures of 28 to 64 px: 3 x 3 without stride or pool
    more_channels: how a first convolution for colours is brought to another number of channels,
    as timm does ("repeat"), or with zeros beyond the colours ("zero")
    auxiliary: weight of the loss of each of GoogLeNet's two auxiliary heads; 0 leaves them out,
    and so does a bundle

    Raises UserError for an unknown backbone, pictures it cannot take, or weights that do not fit.

    >>> arguments = {"channels": 1, "size": 32, "outputs": 3}
    >>> torchvision_backbone(backbone="squeezenet1_1", **arguments).head.in_features
    512
    """
    family = _checked(backbone, stem, auxiliary)
    sides = height_width(size)

    def made() -> nn.Module:
        net = _body(backbone, family, channels)
        return with_small_stem(net) if stem == "small" else net

    body, width = made_for(backbone, made, channels, sides)
    if weights is not None:
        load_weights(
            body,
            _weights_path(backbone, weights),
            channels=channels,
            first=[family.first],
            left_out=[family.classifier, *family.more],
            more_channels=more_channels,
            renamed=lambda name: _OLD_NAME.sub(r"\1\2", name),
        )
    head = nn.Linear(width, outputs)
    net: nn.Module = BodyHead(body, head)
    if auxiliary:
        heads = {layer: InceptionAux(fan_in, outputs) for layer, fan_in in _AUXILIARY.items()}
        net = AuxiliaryHeads(body, head, heads, weight=auxiliary)
    return note_colours(net, *COLOURS) if weights is not None else net


def _family(name: str) -> _Family | None:
    found = re.match(r"(wide_)?[a-z]+", name)
    return _FAMILIES.get(found[0]) if found else None


def _checked(backbone: str, stem: str, auxiliary: float) -> _Family:
    """Return the family of a backbone; raise UserError for arguments out of range."""
    family = _family(backbone)
    if family is None or backbone not in known():
        rule = f"it is a name of torchvision's {', '.join(_FAMILIES)}"
        raise unknown(backbone, known(), "backbone", rule)
    choose(stem, STEMS, "stem")
    if auxiliary < 0 or (auxiliary and backbone != "googlenet"):
        raise UserError(
            f"auxiliary={auxiliary} for {backbone}",
            rule="it is the weight of the losses of GoogLeNet's auxiliary heads, 0 or more",
            fix="leave auxiliary out, or use the backbone googlenet",
        )
    return family


def _body(backbone: str, family: _Family, channels: int) -> nn.Module:
    """Return the network without its classifier, for pictures of ``channels`` channels."""
    own: dict[str, Any] = {"weights": None}
    if backbone == "googlenet":  # its own start needs truncated draws and learns no better
        own |= {"aux_logits": False, "init_weights": False}
    net: nn.Module = models.get_model(backbone, **own)
    if backbone.startswith("squeezenet"):
        rest: nn.Module = nn.Sequential(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1))
    else:
        rest = nn.Identity()
    net.set_submodule(family.classifier, rest)
    first = net.get_submodule(family.first)
    if isinstance(first, nn.Conv2d) and first.in_channels != channels:
        net.set_submodule(family.first, for_channels(first, channels))
    return net


def for_channels(first: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Return a convolution like ``first`` for other channels, begun as ResNets do."""
    kernel, stride, padding = first.kernel_size, first.stride, first.padding
    made = nn.Conv2d(
        channels,
        first.out_channels,
        (kernel[0], kernel[1]),
        stride=(stride[0], stride[1]),
        padding=padding if isinstance(padding, str) else (padding[0], padding[1]),
        bias=first.bias is not None,
    )
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


def _weights_path(backbone: str, weights: str) -> Path:
    """Return the file that ``weights`` means: its own path, or one in torch's cache.

    Raises UserError where the cache has none, with the line that makes it of a file that is there.
    """
    if weights != CACHE:
        return Path(weights)
    published = [Path(one.url).name for one in models.get_model_weights(backbone)]
    files = [Path(torch.hub.get_dir(), "checkpoints", name) for name in published]
    for file in files:
        if file.with_suffix(".safetensors").is_file():
            return file.with_suffix(".safetensors")
    there = next((file for file in files if file.is_file()), files[0])
    raise UserError(
        f"weights='cache': there is no {there.with_suffix('.safetensors')}",
        rule="weights are read from .safetensors files only, and nothing is downloaded",
        fix=f"convert {there} ({'it is' if there.is_file() else 'once it is'} there) on a machine "
        f"that trusts it: {conversion(there)}",
    )
