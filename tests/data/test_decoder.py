from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from tests.data.pictures import encoded, noise
from tilth.data.decoder import Decoder
from tilth.data.open_image import BadImage
from tilth.errors import UserError


def resized_by_torch(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same method by another library: bilinear with antialiasing."""
    planes = torch.from_numpy(pixels.copy()).movedim(-1, 0)[None].float()
    return interpolate(planes, size, mode="bilinear", antialias=True)[0].numpy()


def test_squash_is_antialiased_bilinear():
    pixels = noise(90, 50)
    found = Decoder(32, 40, 3)(encoded(pixels))
    assert found.shape == (3, 32, 40)
    assert np.abs(found.numpy() - resized_by_torch(pixels, (32, 40))).max() <= 1.0


def test_crop_is_the_middle():
    pixels = noise(60, 100)
    found = Decoder(30, 30, 3, fit="crop")(encoded(pixels)).numpy()
    middle = pixels[:, 20:80]
    inner = found[:, 2:-2, 2:-2]  # at its rim PIL also sees what lies beyond the box
    assert np.abs(inner - resized_by_torch(middle, (30, 30))[:, 2:-2, 2:-2]).max() <= 1.0


def test_pad_keeps_proportions_on_black():
    pixels = np.full((20, 40, 3), 200, dtype=np.uint8)
    found = Decoder(32, 32, 3, fit="pad")(encoded(pixels)).numpy()
    assert (found[:, 8:24] == 200).all()
    assert (found[:, :8] == 0).all()
    assert (found[:, 24:] == 0).all()


def test_large_pictures_lose_nothing_by_the_shortcuts():
    """JPEG scaling and whole-number shrinking stay near one antialiased step."""
    pixels = np.asarray(
        Image.fromarray(noise(64, 96)).resize((1500, 1000), Image.Resampling.BICUBIC)
    )
    expected = resized_by_torch(pixels, (64, 64))
    for content, most in ((encoded(pixels, "JPEG", quality=98), 2.0), (encoded(pixels), 1.0)):
        found = Decoder(64, 64, 3)(content).numpy()
        assert np.abs(found - expected).mean() < most


def test_the_size_it_has_is_left_alone():
    pixels = noise(8, 8)
    found = Decoder(8, 8, 3)(Image.fromarray(pixels))
    assert np.array_equal(found.movedim(0, -1).numpy(), pixels)
    assert found.dtype == torch.uint8
    assert found.is_contiguous()


def test_grey():
    pixels = noise(8, 8)
    found = Decoder(8, 8, 1)(encoded(pixels))
    expected = pixels @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert found.shape == (1, 8, 8)
    assert np.abs(found[0].numpy() - expected).max() <= 1


def test_it_is_a_plain_value():
    decoder = Decoder(8, 9, 3, fit="pad")
    assert pickle.loads(pickle.dumps(decoder)) == decoder
    assert decoder.shape == (3, 8, 9)


def test_mistakes():
    with pytest.raises(UserError, match=r"unknown fit 'squish'.*did you mean 'squash'"):
        Decoder(8, 8, 3, fit="squish")  # type: ignore[arg-type]
    with pytest.raises(BadImage, match="zero bytes"):
        Decoder(8, 8, 3)(b"")
