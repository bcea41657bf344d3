"""Masks as pictures: a colour for each class."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilth.data.mask_decoder import VOID

_GOLDEN = 0.618033988749895  # of a turn: colours of neighbours in the list lie far apart


def colours(classes: int) -> NDArray[np.uint8]:
    """Return [256, 3]: a colour for each class, black for what is not said.

    >>> colours(2)[:2].tolist()
    [[230, 57, 57], [57, 108, 230]]
    """
    found = np.zeros((256, 3), dtype=np.uint8)
    for k in range(min(classes, VOID)):
        value = (0.9, 0.7, 0.55)[k // 8 % 3]
        found[k] = [round(255 * part) for part in colorsys.hsv_to_rgb(k * _GOLDEN % 1, 0.75, value)]
    return found


def painted(mask: NDArray[np.uint8], classes: int) -> Image.Image:
    """Return a mask [H, W] as a picture with a palette, whose values are the classes."""
    picture = Image.fromarray(mask)
    picture.putpalette(colours(classes).tobytes())
    return picture
