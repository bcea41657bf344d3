from __future__ import annotations

import numpy as np
import pytest

from tilth.data.pixel_arrays import (
    as_bytes,
    batch_channels_first,
    channels_first,
    opaque,
    picture,
    with_channels,
)
from tilth.errors import UserError


def test_every_layout_becomes_channels_first():
    planes = np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)
    assert np.array_equal(batch_channels_first(np.moveaxis(planes, 1, -1)), planes)
    assert np.array_equal(batch_channels_first(planes), planes)
    assert np.array_equal(batch_channels_first(planes[:, 0]), planes[:, :1])
    assert np.array_equal(channels_first(np.moveaxis(planes[0], 0, -1)), planes[0])
    assert np.array_equal(channels_first(planes[0, 0]), planes[0, :1])


@pytest.mark.parametrize("shape", [(5,), (5, 6), (2, 7, 5, 6), (1, 2, 3, 4, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...]):
    with pytest.raises(UserError, match=r"\[N, H, W\]"):
        batch_channels_first(np.zeros(shape))


@pytest.mark.parametrize("shape", [(5,), (0, 4), (2, 7, 5, 6), (7, 5, 6)])
def test_one_picture_of_another_shape_is_refused(shape: tuple[int, ...]):
    with pytest.raises(UserError, match="shape"):
        channels_first(np.zeros(shape))


def test_white_is_white_in_every_type():
    assert as_bytes(np.array([0, 7, 255], dtype=np.uint8)).tolist() == [0, 7, 255]
    assert as_bytes(np.array([0, 7, 255], dtype=np.int64)).tolist() == [0, 7, 255]
    assert as_bytes(np.array([0, 257 * 7, 65535], dtype=np.uint16)).tolist() == [0, 7, 255]
    assert as_bytes(np.array([0, 7 / 255, 1], dtype=np.float32)).tolist() == [0, 7, 255]
    assert as_bytes(np.array([False, True])).tolist() == [0, 255]


@pytest.mark.parametrize("values", [[-1], [256], [0.5, 1.5], [np.nan], ["a"]])
def test_unknown_scales_are_refused(values: list[object]):
    with pytest.raises(UserError, match="pixels"):
        as_bytes(np.array(values))


def test_pictures_come_back():
    planes = np.arange(24, dtype=np.uint8)
    assert np.array_equal(np.asarray(picture(planes.reshape(1, 4, 6))), planes.reshape(4, 6))
    colour = planes[:24].reshape(3, 2, 4)
    assert np.array_equal(np.asarray(picture(colour)), np.moveaxis(colour, 0, -1))


def test_transparency_is_laid_on_white():
    planes = np.array([100, 100, 100, 51], dtype=np.uint8).reshape(1, 4, 1, 1)  # a fifth opaque
    assert opaque(planes, 255).ravel().tolist() == [224, 224, 224]
    assert opaque(planes / 255.0, 1.0).ravel() == pytest.approx([224 / 255] * 3)
    assert opaque(planes[:, :3], 255) is not None


def test_luminance_and_grey():
    planes = np.array([1.0, 2.0, 4.0], dtype=np.float32).reshape(1, 3, 1, 1)
    assert with_channels(planes, 1).item() == pytest.approx(0.299 + 2 * 0.587 + 4 * 0.114)
    assert with_channels(planes[:, :1], 3).ravel().tolist() == [1, 1, 1]
