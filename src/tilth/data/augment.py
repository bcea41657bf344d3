"""How training pictures are varied: the settings, what is usual, and how they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilth.errors import UserError, choose

PADS = ("reflect", "zero", "mean")
# name -> (smallest, largest) value that makes sense
_LIMITS = {
    "rotate_degrees": (0.0, 180.0),
    "zoom": (1.0, 10.0),
    "warp": (0.0, 0.45),  # from 0.5 on, a corner can be turned behind the viewer
    "light": (0.0, 0.9),
    "shift": (0.0, 1.0),
    "cutout": (0.0, 1.0),
    "mixup": (0.0, 10.0),
    "cutmix": (0.0, 10.0),
    "mixed": (0.0, 1.0),
}


@dataclass(frozen=True)
class Augment:
    """How far pictures may be changed; each change is drawn evenly between its two limits.

    flip: half of the pictures are mirrored left to right; flip_vertical: half upside down
    rotate_degrees: turned by up to so much either way
    zoom: seen up to so many times larger, at a random place: the crop of that size
    warp: seen at a slant: an edge grows or shrinks by up to this fraction
    light: brightness changes by up to half of this fraction of the range from black to white,
        contrast (about the mean of the training pictures) by up to this fraction
    shift: moved by up to this fraction of the side, in whole pixels
    pad: what is seen where a picture was moved away: its mirror image ("reflect"), black ("zero")
        or the mean colour of the training pictures ("mean")
    cutout: a square of this fraction of the shorter side becomes the mean colour, centred
        anywhere (DeVries and Taylor 2017)
    mixup, cutmix: alpha of the Beta distribution that says how much of it each picture keeps
        when it is blended with another of its batch, or gets a rectangle of it, 0 for neither;
        with both, half of the rows each: see ``data/mix.py``
    mixed: the share of pictures that this happens to; the others stay whole
    Raises UserError for values that make no sense.

    The defaults are those of fastai's ``aug_transforms`` (but for its 25 % of untouched pictures,
    and light is linear where fastai's works on logits, so that it costs one multiplication).

    >>> Augment(rotate_degrees=5).zoom
    1.1
    """

    flip: bool = True
    flip_vertical: bool = False
    rotate_degrees: float = 10.0
    zoom: float = 1.1
    warp: float = 0.2
    light: float = 0.2
    shift: float = 0.0
    pad: str = "reflect"
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    mixed: float = 1.0

    def __post_init__(self) -> None:
        for name in ("flip", "flip_vertical"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise UserError(f"{name}={value!r}", rule=f"{name} is true or false")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                raise UserError(f"{name}={value!r}", rule=f"{name} is between {low:g} and {high:g}")
        choose(str(self.pad), PADS, "pad")

    @property
    def interpolates(self) -> bool:
        """Whether pixels move by parts of a pixel, so that new values lie between theirs."""
        return bool(self.rotate_degrees or self.zoom > 1 or self.warp)

    @property
    def mixes(self) -> bool:
        """Whether pictures, and their targets with them, are mixed with others of the batch."""
        return bool((self.mixup or self.cutmix) and self.mixed)

    def geometry(self) -> Augment:
        """Return the same moves, and mixing, without a change of light and without cutout."""
        return dataclasses.replace(self, light=0, cutout=0)

    def alone(self) -> Augment:
        """Return the same changes of a picture by itself, all of it: not mixed, nothing cut out.

        >>> Augment(cutmix=1.0, mixed=0.5, cutout=0.5).alone() == Augment()
        True
        """
        return dataclasses.replace(self, mixup=0.0, cutmix=0.0, mixed=1.0, cutout=0.0)

    def changed(self, fields: Mapping[str, Any]) -> Augment:
        """Return the same but for some fields by name; raise UserError for what cannot be.

        >>> Augment().changed({"warp": 0, "pad": "zero"}).pad
        'zero'
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in fields:
            choose(name, known, "field of augment")
        return dataclasses.replace(self, **fields)


NOTHING = Augment(flip=False, rotate_degrees=0, zoom=1, warp=0, light=0)
"""Leaves every picture as it is."""

Wish = Augment | Mapping[str, Any] | bool
"""True for the defaults of a size, some fields that differ from them, or False for none."""


def check_wish(wish: Wish) -> None:
    """Raise UserError for fields and values that cannot be, before any picture is read."""
    if isinstance(wish, Mapping):
        Augment().changed(wish)


def fields_of(wish: Wish) -> dict[str, Any]:
    """Return a wish as plain values that stand for the same: those that differ from the defaults.

    >>> fields_of(True), fields_of({"warp": 0}), fields_of(False)["cutout"]
    ({}, {'warp': 0}, 0.0)
    """
    if wish is True:
        return {}
    if isinstance(wish, Mapping):
        return dict(wish)
    return dataclasses.asdict(wish or NOTHING)


def default_augment(size: int, channels: int) -> tuple[Augment, str]:
    """Return how to augment pictures of ``size`` px (the shorter side), and why, in words.

    >>> default_augment(128, 3)[0] == Augment()
    True
    """
    if size > 64:
        return Augment(), "flip, rotate 10 degrees, zoom 1.1, warp 0.2, light 0.2"
    if channels > 1:
        moved = Augment(rotate_degrees=0, zoom=1.0, warp=0.0, light=0.0, shift=0.125)
        return moved, "flip, shift by up to an eighth: small, colour"
    return Augment(flip=False), "no flip: small grey pictures are often signs that have a direction"


def choose_augment(wish: Wish, size: int, channels: int) -> tuple[Augment | None, str]:
    """Return what pictures of a size go through, and why, in words.

    >>> choose_augment({"rotate_degrees": 5}, 28, 1)[0].rotate_degrees
    5
    """
    if isinstance(wish, Augment):
        return wish, "as given"
    usual, why = default_augment(size, channels)
    if isinstance(wish, bool):
        return (usual, why) if wish else (None, "none")
    given = ", ".join(f"{name}={value}" for name, value in wish.items())
    return usual.changed(wish), f"{why}; but {given}" if given else why
