"""From a picture to a square (or given) number of 8-bit pixels, the same way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tilth.data.open_image import MAX_PIXELS, Source, read_picture
from tilth.errors import choose

Fit = Literal["squash", "crop", "pad"]


@dataclass(frozen=True)
class Decoder:
    """How a picture becomes a uint8 tensor [channels, height, width]; a plain, picklable value.

    height, width: pixels; channels: 1 (grey) or 3
    fit: "squash" changes the proportions and loses nothing of the picture; "crop" cuts the
    longer sides off around the centre; "pad" lays black bars. Resizing is bilinear with
    antialiasing.

    >>> Decoder(8, 8, 3)(Image.new("RGB", (20, 10), "red"))[:, 0, 0]
    tensor([255,   0,   0], dtype=torch.uint8)
    """

    height: int
    width: int
    channels: int
    fit: Fit = "squash"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        choose(self.fit, get_args(Fit), "fit")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return self.channels, self.height, self.width

    def __call__(self, source: Source) -> Tensor:
        """Return the pixels of a path, the bytes of a file, or a PIL picture.

        Raises BadImage with the reason where it cannot be read.
        """
        needed = (self.width, self.height)
        picture = read_picture(
            source, grey=self.channels == 1, max_pixels=self.max_pixels, at_least=needed
        )
        values = np.array(fitted(picture, (self.width, self.height), self.fit))
        planes = values[None] if self.channels == 1 else np.moveaxis(values, -1, 0)
        return torch.from_numpy(np.ascontiguousarray(planes))


def fitted(
    picture: Image.Image, size: tuple[int, int], fit: Fit, *, nearest: bool = False, bars: int = 0
) -> Image.Image:
    """Return a picture brought to ``size`` = (width, height).

    nearest: take the nearest pixel, mixing none, as values that stand for something need it
    bars: the value of what "pad" lays beside the picture
    """
    if picture.size == size:
        return picture
    place = placement(picture.size, size, fit)
    if fit == "pad":
        canvas = Image.new(picture.mode, size, bars)
        canvas.paste(_resized(picture, place.inner, None, nearest), place.corner)
        return canvas
    return _resized(picture, size, place.box, nearest)


@dataclass(frozen=True)
class Placement:
    """Which part of a picture is seen where.

    box: (left, top, right, bottom) of what is seen, in px of the picture
    inner: (width, height) that it takes in the result; corner: its upper left pixel there
    """

    box: tuple[float, float, float, float]
    inner: tuple[int, int]
    corner: tuple[int, int] = (0, 0)

    def moved(self, points: NDArray[np.floating[Any]], *, back: bool = False) -> NDArray[Any]:
        """Return points [..., 2] of the picture in the result; back: of the result, in the picture.

        (x, y) in px, (0, 0) the middle of the upper left pixel.

        >>> placement((4, 4), (2, 2), "squash").moved(np.array([[0.5, 2.5]]))
        array([[0., 1.]])
        """
        left, top, right, bottom = self.box
        scale = np.array(self.inner) / np.array([right - left, bottom - top])
        seen, shown = np.array([left, top]), np.array(self.corner)
        if back:
            return np.asarray((points + 0.5 - shown) / scale + seen - 0.5)
        return np.asarray((points + 0.5 - seen) * scale + shown - 0.5)


def placement(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> Placement:
    """Return which part of a picture is seen where; sizes are (width, height)."""
    (width, height), (across, down) = picture, size
    if fit == "pad":
        scale = min(across / width, down / height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        corner = ((across - inner[0]) // 2, (down - inner[1]) // 2)
        return Placement((0.0, 0.0, width, height), inner, corner)
    if fit == "crop":
        scale = min(width / across, height / down)
        left, top = (width - across * scale) / 2, (height - down * scale) / 2
        return Placement((left, top, left + across * scale, top + down * scale), size)
    return Placement((0.0, 0.0, width, height), size)


def _resized(
    picture: Image.Image,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None,
    nearest: bool,
) -> Image.Image:
    if nearest:
        return picture.resize(size, Image.Resampling.NEAREST, box=box)
    # a gap of 3: whole-number shrinking first, with a result hardly to be told from one step
    return picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
