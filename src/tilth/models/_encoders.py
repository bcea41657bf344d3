"""Encoders of nets that answer for every pixel: own chains, and convolutional nets of timm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import timm
import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.models._backbone import load_weights
from tilth.models.small_resnet import small_resnet
from tilth.models.timm_backbone import check_backbone, names, weights_path
from tilth.nn.encoder_maps import ChainMaps, before_shrinking
from tilth.nn.modes import modes_kept
from tilth.nn.residual_stage import conv_norm_relu

OWN = ("small_resnet", "double_conv")
OWN_WIDTH = 32
_LEVELS = 5  # sizes of the U-Net of Ronneberger et al. 2015
_PROBE_PX = 64
_OF = {
    "width": "nets of other libraries have widths of their own",
    "more_channels": "it is for weights of other libraries",
}


class TimmMaps(nn.Module):
    """The maps of a net of timm before each of its sizes gets smaller."""

    def __init__(self, net: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.net, self.places = net, list(places)
        pruned: Any = net
        pruned.prune_intermediate_layers(self.places)  # what lies behind the last is not computed

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps [B, C, H, W], from the finest to the coarsest."""
        net: Any = self.net
        found: list[Tensor] = net.forward_intermediates(
            pictures, indices=self.places, intermediates_only=True
        )
        return found


def double_conv(fan_in: int, fan_out: int, *, norm: bool) -> nn.Sequential:
    """Return two 3 x 3 convolutions that keep the size, each with ReLU, and batch norm or none.

    >>> sum(p.numel() for p in double_conv(1, 2, norm=False).parameters())
    58
    """
    if norm:
        return nn.Sequential(conv_norm_relu(fan_in, fan_out), conv_norm_relu(fan_out, fan_out))
    pairs = ((fan_in, fan_out), (fan_out, fan_out))
    layers = [(nn.Conv2d(few, many, 3, padding=1), nn.ReLU()) for few, many in pairs]
    return nn.Sequential(*(layer for pair in layers for layer in pair))


def encoder(
    name: str,
    *,
    channels: int,
    size: int | Sequence[int],
    width: int | None = None,
    norm: bool = True,
    weights: str | None = None,
    more_channels: str | None = None,
) -> nn.Module:
    """Return an encoder: pictures [B, C, H, W] -> its maps, from the finest to the coarsest.

    name: "small_resnet", "double_conv", or a convolutional net of timm
    width: channels of the first stage of an own encoder, 32 by default; norm: whether double_conv
    has norms; weights, more_channels: of a net of timm, as in ``timm_backbone``
    Raises UserError for an unknown name, weights that do not fit, a net without such maps, and an
    argument that the encoder does not use.
    """
    if name not in OWN:
        check_backbone(name, "encoder", OWN)
    given = {"width": width, "more_channels": more_channels}
    refuse_unused(unused_by(name in OWN, given), f"the encoder {name}")
    if name not in OWN:
        adapted = "repeat" if more_channels is None else more_channels
        return _timm_encoder(name, channels, weights, adapted)
    if weights is not None:
        raise UserError(
            f"weights={weights!r} for the encoder {name}",
            rule="weights of other libraries are for their own nets",
            fix="name an encoder of timm, or begin from a bundle by warm_start",
        )
    width = OWN_WIDTH if width is None else width
    if name == "small_resnet":
        whole: Any = small_resnet(channels=channels, size=size, outputs=1, width=width).body
        chain = whole[:-2]  # without the maximum over the map
    else:
        widths = [width * 2**level for level in range(_LEVELS)]
        stages = [double_conv(channels, width, norm=norm)]
        for few, many in pairwise(widths):
            stages.append(nn.Sequential(nn.MaxPool2d(2), double_conv(few, many, norm=norm)))
        chain = nn.Sequential(*stages)
    return ChainMaps(chain, before_shrinking(chain, channels))


def unused_by(own: bool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are given, and that an own net or one of another library ignores.

    >>> unused_by(False, {"width": 64, "more_channels": "zero"})
    {'width': 64}
    """
    name = "more_channels" if own else "width"
    return {} if arguments.get(name) is None else {name: arguments[name]}


def refuse_unused(unused: Mapping[str, Any], what: str) -> None:
    """Raise UserError for what ``unused_by`` found, or a setting would change nothing.

    what: the net in words
    """
    for name, value in unused.items():
        raise UserError(f"{name}={value!r} for {what}", rule=_OF[name], fix=f"leave {name} out")


def _timm_encoder(name: str, channels: int, weights: str | None, more_channels: str) -> nn.Module:
    config: Any = timm.get_pretrained_cfg(name)
    net: Any = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels)
    try:
        place = next(net.parameters()).device
        picture = torch.zeros(1, channels, _PROBE_PX, _PROBE_PX, device=place)
        with modes_kept(net), torch.no_grad():
            maps = net.eval().forward_intermediates(picture, intermediates_only=True)
        sides = [one.shape[-1] for one in maps]
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise _no_maps(name, str(error)) from error
    last = len(sides) - 1
    places = [n for n, side in enumerate(sides) if n == last or sides[n + 1] < side]
    if len(places) == 1:
        raise _no_maps(name, "its maps are of one size")
    if weights is not None:
        load_weights(
            net,
            weights_path(name, weights),
            channels=channels,
            first=names(config.first_conv),
            left_out=names(config.classifier),
            more_channels=more_channels,
        )
    return TimmMaps(net, places)


def _no_maps(name: str, why: str) -> UserError:
    return UserError(
        f"{name} as an encoder ({why})",
        rule="an encoder gives maps of several sizes for pictures of any size",
        fix="use a convolutional net, such as resnet34, convnext_tiny or small_resnet",
    )
