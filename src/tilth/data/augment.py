"""Augmentation of whole batches: each picture moved, tilted and lit by its own random numbers.

The numbers are a function of (seed, epoch, row), so that a picture is changed in the same way
whatever the batch, worker or rank that it is in. All geometry is composed into one matrix per
picture and one interpolation; whole-pixel moves are copied and blur nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tilth.data import geometry
from tilth.data.normalise import normalise
from tilth.errors import UserError
from tilth.randomness import uniform

_DRAWS = (
    *("flip", "rotate", "zoom", "tilt_x", "tilt_y", "shift_x", "shift_y"),
    *("brightness", "contrast", "cutout_x", "cutout_y"),
)
# name -> (smallest, largest) value that makes sense
_LIMITS = {
    "rotate_degrees": (0.0, 180.0),
    "zoom": (1.0, 10.0),
    "warp": (0.0, 0.45),  # from 0.5 on, a corner can be turned behind the viewer
    "light": (0.0, 0.9),
    "shift": (0.0, 1.0),
    "cutout": (0.0, 1.0),
}


@dataclass(frozen=True)
class Augment:
    """How far pictures may be changed; each change is drawn evenly between its two limits.

    flip: half of the pictures are mirrored left to right
    rotate_degrees: turned by up to so much either way
    zoom: seen up to so many times larger, at a random place
    warp: seen at a slant: an edge grows or shrinks by up to this fraction
    light: brightness changes by up to half of this fraction of the range from black to white,
        contrast (about the mean of the training pictures) by up to this fraction
    shift: moved by up to this fraction of the side, in whole pixels
    cutout: a square of this fraction of the shorter side becomes the mean colour, centred
        anywhere (DeVries and Taylor 2017)

    The defaults are those of fastai's ``aug_transforms`` (but for its 25 % of untouched pictures,
    and light is linear where fastai's works on logits, so that it costs one multiplication).

    >>> Augment(rotate_degrees=5).zoom
    1.1
    """

    flip: bool = True
    rotate_degrees: float = 10.0
    zoom: float = 1.1
    warp: float = 0.2
    light: float = 0.2
    shift: float = 0.0
    cutout: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"{name}={value!r}", rule=f"{name} is between {low:g} and {high:g}")


NOTHING = Augment(flip=False, rotate_degrees=0, zoom=1, warp=0, light=0)
"""Leaves every picture as it is."""


def augment_pictures(
    raw: Tensor,
    keys: Tensor,
    epoch: int,
    *,
    augment: Augment,
    mean: Tensor,
    std: Tensor,
    seed: int = 0,
    white: float = 255.0,
) -> Tensor:
    """Return float32 model inputs [B, C, H, W]: changed as ``augment`` says, and normalised.

    raw: [B, C, H, W] uint8 or float32; keys: [B] int64 row ids that the numbers are drawn by
    mean, std: [C] float32 in the units of ``raw``; white: how far white is from black in them

    Without any change this is ``normalise(raw, mean, std)``, to the bit.

    >>> raw = torch.full((1, 1, 2, 2), 128, dtype=torch.uint8)
    >>> key, scale = torch.tensor([7]), torch.tensor([128.0])
    >>> augment_pictures(raw, key, 0, augment=NOTHING, mean=scale, std=scale)
    tensor([[[[0., 0.],
              [0., 0.]]]])
    """
    values = uniform(keys, len(_DRAWS), seed=seed, stream="augment", epoch=epoch)
    draws = dict(zip(_DRAWS, values.unbind(1), strict=True))
    inputs = _moved(raw, draws, augment, mean, std)
    if augment.light:
        inputs = _lit(inputs, draws, augment.light, white / std)
    if augment.cutout:
        inputs.masked_fill_(_cutout_mask(inputs.shape, draws, augment.cutout), 0.0)
    return inputs


def default_augment(size: int, channels: int) -> tuple[Augment, str]:
    """Return how to augment pictures of ``size`` px (the shorter side), and why, in words.

    >>> default_augment(128, 3)[0] == Augment()
    True
    """
    if size > 64:
        return Augment(), "flip, rotate 10 degrees, zoom 1.1, warp 0.2, light 0.2"
    if channels > 1:
        moved = Augment(rotate_degrees=0, zoom=1.0, warp=0.0, light=0.0, shift=0.125, cutout=0.25)
        return moved, "flip, shift by up to an eighth, a quarter of the side cut out: small, colour"
    return Augment(flip=False), "no flip: small grey pictures are often signs that have a direction"


def _moved(
    raw: Tensor, draws: dict[str, Tensor], augment: Augment, mean: Tensor, std: Tensor
) -> Tensor:
    """Apply the geometry, by copying where pixels move by whole steps, and normalise."""
    height, width = raw.shape[-2:]
    flipped = draws["flip"] < (0.5 if augment.flip else 0.0)
    x = (_either_way(draws["shift_x"]) * (augment.shift * width)).round()
    y = (_either_way(draws["shift_y"]) * (augment.shift * height)).round()
    if augment.rotate_degrees or augment.zoom > 1 or augment.warp:
        turned = geometry.flipping(flipped) @ _turned(draws, augment, height, width)
        return geometry.warp(normalise(raw, mean, std), turned @ geometry.shifting(x, y))
    if augment.flip or augment.shift:
        raw = geometry.move(raw, flipped, x.long(), y.long())
    return normalise(raw, mean, std)


def _turned(draws: dict[str, Tensor], augment: Augment, height: int, width: int) -> Tensor:
    """Return the matrices [B, 3, 3] that tilt, rotate and zoom at a random place."""
    tilted = geometry.tilting(
        _either_way(draws["tilt_x"]) * (augment.warp / (width / 2)),
        _either_way(draws["tilt_y"]) * (augment.warp / (height / 2)),
    )
    radians = _either_way(draws["rotate"]) * math.radians(augment.rotate_degrees)
    zoom = 1 + draws["zoom"] * (augment.zoom - 1)
    room = (1 - 1 / zoom) / 2  # what a zoomed picture leaves out on each side, of the side
    placed = geometry.shifting(
        _either_way(draws["shift_x"]) * room * width,
        _either_way(draws["shift_y"]) * room * height,
    )
    return tilted @ geometry.rotating(radians) @ placed @ geometry.zooming(zoom)


def _lit(inputs: Tensor, draws: dict[str, Tensor], light: float, white: Tensor) -> Tensor:
    """Change contrast and brightness of normalised inputs; ``white`` [C] in their units."""
    contrast = 1 + _either_way(draws["contrast"]) * light
    brightness = _either_way(draws["brightness"]) * (light / 2)
    added = brightness[:, None] * white
    return torch.addcmul(added[:, :, None, None], inputs, contrast[:, None, None, None])


def _cutout_mask(shape: torch.Size, draws: dict[str, Tensor], cutout: float) -> Tensor:
    """Return [B, 1, H, W]: where the erased square of each picture lies."""
    height, width = shape[-2:]
    side = cutout * min(height, width)
    middle_y, middle_x = draws["cutout_y"] * height, draws["cutout_x"] * width
    down = torch.arange(height, device=middle_y.device) + 0.5
    across = torch.arange(width, device=middle_x.device) + 0.5
    rows = (down - middle_y[:, None]).abs() <= side / 2
    columns = (across - middle_x[:, None]).abs() <= side / 2
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _either_way(draws: Tensor) -> Tensor:
    """Spread numbers of [0, 1) evenly over [-1, 1)."""
    return 2 * draws - 1
