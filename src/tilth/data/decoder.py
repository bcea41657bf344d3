"""From a picture to a square (or given) number of 8-bit pixels, the same way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
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
        values = np.array(self._fitted(picture))
        planes = values[None] if self.channels == 1 else np.moveaxis(values, -1, 0)
        return torch.from_numpy(np.ascontiguousarray(planes))

    def _fitted(self, picture: Image.Image) -> Image.Image:
        target = (self.width, self.height)
        if picture.size == target:
            return picture
        width, height = picture.size
        if self.fit == "pad":
            scale = min(self.width / width, self.height / height)
            inner = (max(1, round(width * scale)), max(1, round(height * scale)))
            canvas = Image.new(picture.mode, target)
            place = ((self.width - inner[0]) // 2, (self.height - inner[1]) // 2)
            canvas.paste(_resized(picture, inner, None), place)
            return canvas
        box = None
        if self.fit == "crop":
            scale = min(width / self.width, height / self.height)
            across, down = self.width * scale, self.height * scale
            left, top = (width - across) / 2, (height - down) / 2
            box = (left, top, left + across, top + down)
        return _resized(picture, target, box)


def _resized(
    picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None
) -> Image.Image:
    # a gap of 3: whole-number shrinking first, with a result hardly to be told from one step
    return picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
