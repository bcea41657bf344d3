"""Any image backbone of the timm library, from scratch or from a local weights file.

timm (Wightman 2019, https://github.com/huggingface/pytorch-image-models). Nothing is downloaded:
weights come from a ``.safetensors`` file that the user has, under timm's own tensor names, or from
the cache that timm itself fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import try_to_load_from_cache
from torch import nn

from tilth.errors import UserError, choose
from tilth.models._backbone import (
    CACHE,
    STEMS,
    load_weights,
    made_for,
    note_colours,
    unknown,
    with_small_stem,
)
from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


def named(name: str) -> dict[str, Any] | None:
    """Return the arguments that a name of timm stands for, None for another name.

    >>> named("resnet34"), named("resnet_of_mine")
    ({'backbone': 'resnet34'}, None)
    """
    return {"backbone": name} if timm.is_model(name) else None


def known() -> list[str]:
    """Return every name that ``named`` knows."""
    return list(timm.list_models())


def timm_backbone(
    *,
    backbone: str,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    weights: str | None = None,
    stem: str = "own",
    more_channels: str = "repeat",
) -> nn.Module:
    """Return ``timm.create_model(backbone)`` without its classifier, and a linear head.

    backbone: a name of ``timm.list_models()``; channels, size: of the pictures [B, C, *size]
    weights: a local .safetensors file for the backbone, or "cache" for the one that timm
    downloaded before; a classifier in it is left out
    stem: "small" for ResNets on pictures of 28 to 64 px: 3 x 3 without stride or pool
    more_channels: how a first convolution for colours is brought to another number of channels,
    as timm does ("repeat"), or with zeros beyond the colours ("zero")

    Raises UserError for an unknown backbone, pictures it cannot take, or weights that do not fit.

    >>> timm_backbone(backbone="resnet18", channels=1, size=32, outputs=3).head.in_features
    512
    """
    check_backbone(backbone)
    choose(stem, STEMS, "stem")
    sides = height_width(size)
    config: Any = timm.get_pretrained_cfg(backbone)
    asked: dict[str, Any] = {"img_size": tuple(sides)} if config.fixed_input_size else {}

    def made() -> nn.Module:
        net: nn.Module = timm.create_model(
            backbone, pretrained=False, num_classes=0, in_chans=channels, **asked
        )
        return with_small_stem(net) if stem == "small" else net

    own = config.input_size[1:] if asked else None
    body, width = made_for(backbone, made, channels, sides, own=own)
    if weights is not None:
        load_weights(
            body,
            weights_path(backbone, weights),
            channels=channels,
            first=names(config.first_conv),
            left_out=names(config.classifier),
            more_channels=more_channels,
        )
    net = BodyHead(body, nn.Linear(width, outputs))
    return note_colours(net, config.mean, config.std) if weights is not None else net


def check_backbone(backbone: str, what: str = "backbone", own: Sequence[str] = ()) -> None:
    """Raise UserError for what is no name of timm, with names that are close.

    what: it is called where it was given; own: names that are known there beside timm's
    """
    if not timm.is_model(backbone):
        rule = f"it is {' or '.join([*own, 'a name of timm.list_models()'])}"
        raise unknown(backbone, [*own, *timm.list_models()], what, rule)


def weights_path(backbone: str, weights: str) -> Path:
    """Return the file that ``weights`` means: its own path, or that of timm's cache.

    Raises UserError where the cache does not hold it; nothing is downloaded.
    """
    if weights != CACHE:
        return Path(weights)
    config: Any = timm.get_pretrained_cfg(backbone)
    found = None
    if config.hf_hub_id:
        found = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    if isinstance(found, str):
        return Path(found)
    raise UserError(
        f"weights='cache': no weights of {backbone} are in the cache",
        rule="nothing is downloaded while a model is built",
        fix=f"where there is a network: timm.create_model({backbone!r}, pretrained=True) once, "
        "or give the path of a .safetensors file",
    )


def names(value: str | Sequence[str] | None) -> Sequence[str]:
    """Return the names of layers in a configuration of timm: one, several, or none.

    >>> names("fc"), names(None)
    (('fc',), ())
    """
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value
