"""Several views of a picture, whose answers are averaged: test-time augmentation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from tilth.data.augment import NOTHING
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.errors import UserError


@dataclass(frozen=True)
class ImageViews:
    """From pictures to ``views`` inputs of each: as it is, then as training might have varied it.

    But nothing is cut out of a view, and none is mixed with another picture.
    The draws of a view are a function of the picture's pixels and the view's number (seed 0), so
    that a picture is answered in the same way alone and among others, today and tomorrow.
    Raises UserError for a model whose training varied nothing else, and for fewer than two views.

    >>> import numpy as np
    >>> from tilth.data.augment import Augment
    >>> ready = ImagePreprocessor(8, 8, 1, (0.0,), (255.0,), augment=Augment())
    >>> ImageViews(ready, 4)([np.zeros((8, 8), np.uint8)]).shape
    torch.Size([1, 4, 1, 8, 8])
    """

    preprocessor: ImagePreprocessor
    views: int

    kind: ClassVar[str] = "images"

    def __post_init__(self) -> None:
        if self.views < 2:
            raise UserError(
                f"views={self.views}",
                rule="views are the picture as it is and others, 2 or more in all",
                fix="leave views out for the picture alone",
            )
        varied = self.preprocessor.augment
        if varied is None or replace(varied.alone(), pad=NOTHING.pad) == NOTHING:
            raise UserError(
                f"views={self.views} of a model whose training varied no picture by itself",
                rule="views are drawn as training drew them, but for what it mixed or cut out",
                fix="leave views out, or train with augmentation (and export again)",
            )

    def __call__(self, raw: Any) -> Tensor:
        """Return float32 [B, views, C, H, W] for one item or a list of items."""
        ready = self.preprocessor
        pixels = ready.pixels(raw)
        varied = ImagePrepare(ready, ready.augment.alone() if ready.augment else None, seed=0)
        keys = pixel_keys(pixels)
        others = [varied(pixels, keys, view) for view in range(1, self.views)]
        return torch.stack([ready.normalised(pixels), *others], dim=1)

    def to_config(self) -> dict[str, Any]:
        """Return the plain values of what it is made from."""
        return self.preprocessor.to_config()


def pixel_keys(pixels: Tensor) -> Tensor:
    """Return [B] int64: a hash of the pixels of each picture of [B, C, H, W].

    >>> same = pixel_keys(torch.ones(2, 1, 4, 4))
    >>> bool(same[0] == same[1])
    True
    """
    found = [hashlib.blake2b(one.numpy().tobytes(), digest_size=8).digest() for one in pixels]
    return torch.tensor(
        [int.from_bytes(one, "little", signed=True) for one in found], dtype=torch.int64
    )
