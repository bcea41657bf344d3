"""Planted copies are found, other pictures are not."""

import io

import numpy as np
import torch
from PIL import Image, ImageEnhance

from tilth.audit.review.near_copies import cropped, near_copies
from tilth.data.resident_store import ResidentStore

SIDE = 48


def scenes(count: int, stream: np.random.Generator) -> list[Image.Image]:
    """Return pictures of smooth random shapes, each with details of its own."""
    found = []
    for _ in range(count):
        coarse = stream.integers(0, 255, (5, 5, 3), dtype=np.uint8)
        fine = stream.integers(0, 60, (96, 96, 3), dtype=np.uint8)
        large = np.asarray(Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC))
        found.append(Image.fromarray((large * 0.75 + fine).clip(0, 255).astype(np.uint8)))
    return found


def changed(picture: Image.Image, how: str, stream: np.random.Generator) -> Image.Image:
    width, height = picture.size
    if how == "size":
        return picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
    if how == "jpeg":
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=35)
        return Image.open(file).copy()
    if how == "light":
        return ImageEnhance.Brightness(picture).enhance(0.8)
    left, top, right, bottom = stream.uniform(0, 0.05, 4)
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return picture.crop(tuple(map(round, box)))


def store_of(pictures: list[Image.Image]) -> ResidentStore:
    planes = [np.asarray(one.resize((SIDE, SIDE)).convert("RGB")) for one in pictures]
    return ResidentStore(torch.from_numpy(np.stack(planes).transpose(0, 3, 1, 2).copy()))


def test_changed_copies_are_found_and_no_other_pair():
    stream = np.random.default_rng(3)
    pictures = scenes(40, stream)
    ways = ["size", "jpeg", "light", "crop", "crop"]
    copies = [changed(pictures[row], ways[row % 5], stream) for row in range(15)]
    found = near_copies(store_of([*pictures, *copies]), np.arange(55), 255.0)
    assert found.complete
    assert sorted(map(tuple, found.pairs.tolist())) == [(row, 40 + row) for row in range(15)]


def test_equal_pictures_are_pairs_of_likeness_one_and_blank_ones_are_none():
    stream = np.random.default_rng(0)
    pictures = scenes(4, stream)
    blank = Image.new("RGB", (SIDE, SIDE), (9, 9, 9))
    store = store_of([*pictures, pictures[2], blank, blank])
    found = near_copies(store, np.arange(7), 255.0)
    assert found.pairs.tolist() == [[2, 4]]
    assert found.likeness.tolist() == [1.0]


def test_only_the_rows_that_are_asked_for_are_paired():
    picture = scenes(1, np.random.default_rng(0))[0]
    store = store_of([picture] * 4)
    assert near_copies(store, np.array([1, 3]), 255.0).pairs.tolist() == [[1, 3]]


def test_a_crop_begins_and_ends_where_its_shares_say():
    ramp = torch.arange(64.0).expand(1, 1, 64, 64)
    shares = torch.tensor([[4 / 64, 8 / 64, 12 / 64, 16 / 64]])
    for picture, first, length in ((ramp, 4, 48), (ramp.mT, 8, 40)):
        found = cropped(picture, shares, 16)[0, 0]
        line = found[3] if picture is ramp else found[:, 3]
        expected = first + (np.arange(16) + 0.5) / 16 * length - 0.5
        np.testing.assert_allclose(line, expected, atol=1e-3)
