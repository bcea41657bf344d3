from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, ImageEnhance

from tests.data.pictures import encoded, noise
from tilth.data import image_duplicates
from tilth.data.image_duplicates import alike_pairs, exact_groups, look
from tilth.data.resident_store import ResidentStore


def store_of(*pictures: np.ndarray) -> ResidentStore:
    return ResidentStore(torch.from_numpy(np.stack(pictures)).movedim(-1, 1).contiguous())


def test_equal_pictures_are_grouped():
    a, b, c = (noise(20, 20, seed=seed) for seed in range(3))
    blank = np.full_like(a, 9)
    groups = exact_groups(look(store_of(a, b, a, c, b, a, blank, blank), np.arange(8), 255.0))
    assert [group.tolist() for group in groups] == [[0, 2, 5], [1, 4]]


def test_blank_and_colourless_are_seen():
    grey = np.repeat(noise(20, 20, 1)[:, :, None], 3, axis=2)
    looks = look(store_of(noise(20, 20), grey, np.full_like(grey, 9)), np.arange(3), 255.0)
    assert looks.constant.tolist() == [False, False, True]
    assert looks.colourless.tolist() == [False, True, True]


def changed(pixels: np.ndarray) -> list[np.ndarray]:
    """What happens to a picture on its way through the world."""
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    small = image.resize((int(width * 0.7), int(height * 0.7)), Image.Resampling.BILINEAR)
    return [
        np.asarray(Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=50)))),
        np.asarray(small.resize((width, height), Image.Resampling.BILINEAR)),
        np.asarray(ImageEnhance.Brightness(image).enhance(0.8)),
        np.asarray(ImageEnhance.Contrast(image).enhance(0.7)),
    ]


def test_changed_copies_are_found_and_different_pictures_are_not():
    originals = [noise(96, 96, seed=seed) for seed in range(30)]
    copies = [copy for pixels in originals[:5] for copy in changed(pixels)]
    store = store_of(*originals, *copies)
    looks = look(store, np.arange(len(store)), 255.0)
    pairs, complete = alike_pairs(store, looks, 255.0)
    assert complete
    family = [*range(30), *(i // 4 for i in range(20))]
    assert all(family[a] == family[b] for a, b in pairs.tolist())
    assert {(i // 4, 30 + i) for i in range(20)} <= {tuple(pair) for pair in pairs.tolist()}


def test_the_same_shape_in_another_colour_is_another_picture():
    shape = noise(32, 32, 1)
    red, blue = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    red[:, :, 0], blue[:, :, 2] = shape, shape
    store = store_of(red, blue)
    assert len(alike_pairs(store, look(store, np.arange(2), 255.0), 255.0)[0]) == 0


def test_equal_pictures_are_not_near_ones():
    store = store_of(noise(20, 20), noise(20, 20))
    assert len(alike_pairs(store, look(store, np.arange(2), 255.0), 255.0)[0]) == 0


def test_pieces_change_nothing(monkeypatch):
    store = store_of(*(noise(20, 20, seed=seed % 4) for seed in range(9)))
    whole = look(store, np.arange(9), 255.0)
    monkeypatch.setattr(image_duplicates, "_CHUNK_BYTES", 1)
    parts = look(store, np.arange(9), 255.0)
    assert whole.digests == parts.digests
    torch.testing.assert_close(whole.thumbs, parts.thumbs)
