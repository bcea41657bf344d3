from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.pictures import encoded, noise
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.errors import UserError

COLOUR = ImagePreprocessor(12, 10, 3, mean=(100.0, 110.0, 120.0), std=(50.0, 60.0, 70.0))
GREY = ImagePreprocessor(12, 10, 1, mean=(100.0,), std=(50.0,))


def by_hand(pixels: np.ndarray, ready: ImagePreprocessor) -> torch.Tensor:
    planes = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    mean, std = (np.array(values)[:, None, None] for values in (ready.mean, ready.std))
    return torch.from_numpy((planes - mean) / std).float()


def test_every_kind_of_input_gives_the_same(tmp_path: Path):
    pixels = noise(12, 10)
    path = tmp_path / "a picture \u00e9.png"
    path.write_bytes(encoded(pixels))
    items = [
        path,
        str(path),
        path.read_bytes(),
        Image.fromarray(pixels),
        pixels,
        np.moveaxis(pixels, -1, 0),
        torch.from_numpy(pixels.copy()),
        pixels.astype(np.int64),
        pixels / 255.0,
    ]
    found = COLOUR(items)
    assert found.shape == (9, 3, 12, 10)
    for each, item in zip(found, items, strict=True):
        assert torch.equal(each, found[0])
        assert torch.equal(COLOUR(item)[0], found[0])
    torch.testing.assert_close(found[0], by_hand(pixels, COLOUR), rtol=1e-5, atol=1e-6)


def test_batches_as_arrays():
    pixels = np.stack([noise(12, 10, seed=seed) for seed in range(4)])
    expected = COLOUR(list(pixels))
    assert torch.equal(COLOUR(pixels), expected)
    assert torch.equal(COLOUR(torch.from_numpy(pixels).movedim(-1, 1)), expected)
    for count in (1, 3, 5):  # three grey pictures are not one colour picture
        stack = pixels[:, :, :, 0].repeat(2, axis=0)[:count]
        assert GREY(stack).shape == (count, 1, 12, 10)
        assert torch.equal(GREY(stack), GREY(list(stack)))


def test_colour_for_a_grey_model_and_the_reverse():
    pixels = noise(12, 10)
    luminance = np.asarray(Image.fromarray(pixels).convert("L"))
    assert torch.equal(GREY(pixels), GREY(luminance))
    assert torch.equal(COLOUR(luminance), COLOUR(np.stack([luminance] * 3, axis=-1)))


def test_other_sizes_are_resized_as_pillow_does():
    pixels = noise(50, 30)
    smaller = Image.fromarray(pixels).resize((10, 12), Image.Resampling.BILINEAR)
    assert torch.equal(COLOUR(pixels), COLOUR(np.asarray(smaller)))


def test_a_model_of_floats_takes_floats_in_its_units_and_pictures_in_their_own():
    ready = ImagePreprocessor(
        4, 4, 1, mean=(4.0,), std=(2.0,), value_range=(-1.0, 16.0), dtype="float32"
    )
    values = np.linspace(-1, 16, 16).reshape(4, 4)
    torch.testing.assert_close(
        ready(values), torch.from_numpy((values - 4) / 2).float()[None, None]
    )
    white = np.full((4, 4), 255, dtype=np.uint8)
    assert torch.equal(ready(white), ready(np.full((4, 4), 16.0)))
    assert torch.equal(ready(white * 0), ready(np.full((4, 4), -1.0)))
    torch.testing.assert_close(ready(np.ones((9, 7))), ready(np.ones((4, 4))))


def test_settings_survive_json():
    ready = ImagePreprocessor(3, 5, 1, (0.1,), (1 / 3,), "pad", (0.0, 16.0), "float32", 1000)
    assert ImagePreprocessor.from_config(json.loads(json.dumps(ready.to_config()))) == ready


def test_nothing_in_nothing_out():
    assert COLOUR([]).shape == (0, 3, 12, 10)
    assert COLOUR([]).dtype == torch.float32


def test_what_cannot_be_read_is_named(tmp_path: Path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"some text")
    with pytest.raises(UserError, match=r"bad\.jpg: text, not a picture"):
        COLOUR([bad])
    with pytest.raises(UserError, match="item 1: zero bytes"):
        COLOUR([noise(4, 4), b""])
    with pytest.raises(UserError, match=r"item 0 is dict.*a path"):
        COLOUR([{}])
    with pytest.raises(UserError, match=r"floats 0..1"):
        COLOUR(np.full((4, 4), 200.0))
    with pytest.raises(UserError, match=r"one picture is \[H, W\]"):
        COLOUR([np.zeros(7)])


def test_inputs_go_back_to_the_pixels_they_came_from():
    colours, greys = noise(12, 10), noise(12, 10)[..., 0]
    assert np.array_equal(COLOUR.restored(COLOUR([colours]))[0], colours)
    assert np.array_equal(GREY.restored(GREY([greys]))[0], greys)
    floats = ImagePreprocessor(4, 4, 1, (0.1,), (0.5,), value_range=(-1.0, 1.0), dtype="float32")
    pixels = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    back = floats.restored(floats([pixels]))
    assert back.dtype == np.float32 and np.allclose(back[0], pixels, atol=1e-6)


def test_what_lies_beyond_black_and_white_is_cut_off():
    far = torch.tensor([-1e4, 1e4]).repeat(60).reshape(1, 1, 12, 10)
    assert set(GREY.restored(far).ravel().tolist()) == {0, 255}
