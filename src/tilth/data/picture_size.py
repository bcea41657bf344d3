"""How large a picture is, however it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.open_image import BadImage, read_header
from tilth.data.pixel_arrays import channels_first


def in_own_size(item: Any, preprocessor: ImagePreprocessor) -> Tensor:
    """Return the model inputs [1, C, height, width] of one picture that is not resized.

    item: a path, the bytes of a file, a PIL picture or an array
    preprocessor: which turns such pictures into inputs, in a size of its own
    Raises UserError where it cannot be read.

    >>> unit = ImagePreprocessor(4, 4, 1, mean=(0.0,), std=(255.0,))
    >>> in_own_size(np.zeros((3, 9), dtype=np.uint8), unit).shape
    torch.Size([1, 1, 3, 9])
    """
    height, width = own_size(item, preprocessor)
    return replace(preprocessor, height=height, width=width)([item])


def own_size(item: Any, preprocessor: ImagePreprocessor) -> tuple[int, int]:
    """Return height and width of one picture; raise UserError where it cannot be read."""
    if isinstance(item, Tensor | np.ndarray):
        array = item.detach().cpu().numpy() if isinstance(item, Tensor) else item
        _, height, width = channels_first(array).shape
        return height, width
    try:
        header = read_header(item, max_pixels=preprocessor.max_pixels)
    except (BadImage, TypeError):
        preprocessor([item])  # which says in words what is wrong with it
        raise
    return header.height, header.width
