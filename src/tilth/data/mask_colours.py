"""Masks as pictures: a colour for each class."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

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


def painted(mask: NDArray[np.uint8], classes: int, values: Sequence[int] = ()) -> Image.Image:
    """Return a mask [H, W] of classes as a picture with a palette.

    values: what is written for each class, and last for what is not said; the classes themselves
    where there are none

    >>> np.asarray(painted(np.uint8([[0, 1, VOID]]), 2, (5, 7, 0))).tolist()
    [[5, 7, 0]]
    """
    written = np.full(256, values[-1] if values else VOID, dtype=np.uint8)
    written[:classes] = values[:-1] if values else range(classes)
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[written[:classes]] = colours(classes)[:classes]
    picture = Image.fromarray(written[mask])
    picture.putpalette(palette.tobytes())
    return picture
