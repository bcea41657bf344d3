"""Pictures that are given as arrays: which axis is what, and which number is white."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilth.errors import UserError

DEPTHS = (1, 3, 4)
"""How many channels an array of pixels can have: grey, colour, colour and transparency."""

Pixels = NDArray[Any]


def batch_channels_first(array: Pixels) -> Pixels:
    """Return [N, C, H, W] from [N, H, W], [N, H, W, C] or [N, C, H, W] (a view, no copy).

    >>> batch_channels_first(np.zeros((5, 8, 6, 3))).shape
    (5, 3, 8, 6)
    """
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[-1] in DEPTHS:
        return np.moveaxis(array, -1, 1)
    if array.ndim == 4 and array.shape[1] in DEPTHS:
        return array
    raise UserError(
        f"pictures of shape {array.shape}",
        rule="an array of pictures is [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 "
        "channels",
    )


def channels_first(array: Pixels) -> Pixels:
    """Return [C, H, W] from one picture [H, W], [H, W, C] or [C, H, W] (a view, no copy)."""
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise UserError(
            f"a picture of shape {array.shape}",
            rule="one picture is [H, W], [H, W, C] or [C, H, W] with 1, 3 or 4 channels",
        )
    planes: Pixels = batch_channels_first(array[None])[0]
    return planes


def as_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """Return uint8 pixels: 8-bit as they are, 16-bit scaled, whole numbers, or floats in 0..1.

    Raises UserError for values whose scale is not known.

    >>> as_bytes(np.array([0.0, 0.5, 1.0])), as_bytes(np.array([65535], dtype=np.uint16))
    (array([  0, 128, 255], dtype=uint8), array([255], dtype=uint8))
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "iuf":
        raise UserError(f"pixels of type {pixels.dtype}", rule="pixels are numbers")
    top = {"f": 1.0}.get(pixels.dtype.kind, 65535.0 if pixels.dtype == np.uint16 else 255.0)
    low, high = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 0.0)
    if not (low >= 0 and high <= top):  # also where a value is not a number
        raise UserError(
            f"{pixels.dtype} pixels from {low:g} to {high:g}",
            rule="whole numbers are 0..255 (uint16: 0..65535), floats 0..1",
            fix="scale them, or give uint8",
        )
    scaled: NDArray[np.uint8] = np.rint(pixels * (255.0 / top)).astype(np.uint8)
    return scaled


def picture(planes: NDArray[np.uint8]) -> Image.Image:
    """Return the PIL picture of uint8 [C, H, W]."""
    if planes.shape[0] == 1:
        return Image.fromarray(np.ascontiguousarray(planes[0]))
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))


def opaque(planes: Pixels, white: float) -> Pixels:
    """Return [N, C, H, W] without a fourth channel: what is transparent is laid on white.

    white: the value of white and of full opacity
    """
    if planes.shape[1] != 4:
        return planes
    share = planes[:, 3:].astype(np.float32) / white
    laid: Pixels = planes[:, :3] * share + white * (1.0 - share)
    if planes.dtype.kind != "f":
        laid = np.rint(laid).astype(planes.dtype)
    return laid


def with_channels(planes: Pixels, channels: int) -> Pixels:
    """Return [N, channels, H, W] floats from 1 or 3 channels: luminance, or grey repeated.

    The weights of luminance are those of ITU-R BT.601, as for files.
    """
    if planes.shape[1] == channels:
        return planes
    if channels == 1:
        weights = np.array([0.299, 0.587, 0.114], dtype=planes.dtype)
        luminance: Pixels = np.tensordot(planes, weights, axes=([1], [0]))
        return luminance[:, None]
    return np.repeat(planes, channels, axis=1)
