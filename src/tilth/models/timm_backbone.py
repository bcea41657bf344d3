"""Any image backbone of the timm library, from scratch or from a local weights file.

timm (Wightman 2019, https://github.com/huggingface/pytorch-image-models). Nothing is downloaded:
weights come from a ``.safetensors`` file that the user has, under timm's own tensor names.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


def timm_backbone(
    *,
    backbone: str,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    weights: str | None = None,
) -> nn.Module:
    """Return ``timm.create_model(backbone)`` without its classifier, and a linear head.

    backbone: a name of ``timm.list_models()``; channels, size: of the pictures [B, C, *size]
    weights: a local .safetensors file for the backbone; a first convolution for another number
        of channels is adapted as timm does (summed or repeated), a classifier in it is left out

    Raises UserError for an unknown backbone, pictures it cannot take, or weights that do not fit.

    >>> timm_backbone(backbone="resnet18", channels=1, size=32, outputs=3).head.in_features
    512
    """
    if not timm.is_model(backbone):
        close = difflib.get_close_matches(backbone, timm.list_models(), n=5)
        raise UserError(
            f"unknown backbone {backbone!r}",
            rule="it is a name of timm.list_models()",
            choices=close,
        )
    sides = height_width(size)
    config: Any = timm.get_pretrained_cfg(backbone)
    asked: dict[str, Any] = {"img_size": tuple(sides)} if config.fixed_input_size else {}
    try:
        body = timm.create_model(
            backbone, pretrained=False, num_classes=0, in_chans=channels, **asked
        )
        width = _feature_width(body, channels, sides)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{backbone} cannot take {channels} x {sides[0]} x {sides[1]} pictures ({error})",
            fix=f"its own size is {config.input_size}: use a size near it, or another backbone",
        ) from error
    if weights is not None:
        _load(body, Path(weights), config.classifier, config.first_conv, channels)
    return BodyHead(body, nn.Linear(width, outputs))


def _feature_width(body: nn.Module, channels: int, sides: Sequence[int]) -> int:
    """Try the body on an empty picture; timm's attributes disagree for some families."""
    body.eval()
    with torch.no_grad():
        features = body(torch.zeros(1, channels, *sides))
    body.train()
    if features.ndim != 2:
        raise ValueError(f"it gives {tuple(features.shape[1:])}, not one vector per picture")
    return int(features.shape[1])


def _load(
    body: nn.Module,
    path: Path,
    classifier: str | Sequence[str] | None,
    first_conv: str | Sequence[str] | None,
    channels: int,
) -> None:
    """Load the tensors of ``path`` into ``body``, or say why they do not fit."""
    wanted = body.state_dict()
    found = _read(path, wanted)
    for name in _names(first_conv):
        kernel = found.get(f"{name}.weight")
        if kernel is not None and kernel.ndim == 4 and kernel.shape[1] != channels:
            found[f"{name}.weight"] = adapt_input_conv(channels, kernel)
    classifiers = tuple(f"{name}." for name in _names(classifier))
    extra = [key for key in found if key not in wanted and not key.startswith(classifiers)]
    missing = [k for k in wanted if k not in found and not k.endswith("num_batches_tracked")]
    wrong = [
        f"{key} is {list(found[key].shape)} in the file, {list(value.shape)} in the model"
        for key, value in wanted.items()
        if key in found and found[key].shape != value.shape
    ]
    if extra or missing or wrong:
        parts = [
            _some("tensors the model lacks", extra),
            _some("tensors the file lacks", missing),
            _some("shapes that differ", wrong),
        ]
        raise UserError(
            f"{path} does not fit: " + "; ".join(part for part in parts if part),
            fix="name the backbone (and size) that these weights were made for",
        )
    body.load_state_dict({key: found.get(key, value) for key, value in wanted.items()})


def _read(path: Path, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the file, without the prefix that a wrapper gave their names."""
    if path.suffix != ".safetensors":
        raise UserError(
            f"weights={str(path)!r}",
            rule="weights are read from .safetensors files only, which cannot carry code",
            fix="convert the file on a machine that trusts it (safetensors.torch.save_file)",
        )
    try:
        found = load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"no weights file at {str(path)!r}") from error
    except SafetensorError as error:
        raise UserError(f"{path} is not a sound .safetensors file ({error})") from error
    prefixes = Counter(
        key[: -len(name)] for name in wanted for key in found if key.endswith(f".{name}")
    )
    direct = sum(name in found for name in wanted)
    if not prefixes or prefixes.most_common(1)[0][1] <= direct:
        return found
    prefix = prefixes.most_common(1)[0][0]
    return {key.removeprefix(prefix): v for key, v in found.items() if key.startswith(prefix)}


def _names(value: str | Sequence[str] | None) -> Sequence[str]:
    """timm's configurations hold one name, several, or none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _some(title: str, items: Sequence[str]) -> str:
    """Name the first three of ``items`` and how many there are."""
    listed = ", ".join(items[:3]) + (", ..." if len(items) > 3 else "")
    return f"{len(items)} {title} ({listed})" if items else ""
