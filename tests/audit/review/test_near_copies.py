"""Planted copies are found, other pictures are not."""

import io
import tracemalloc

import numpy as np
import torch
from PIL import Image, ImageEnhance

from tilth.audit.review import near_copies as module
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


def test_of_too_many_pictures_some_are_compared_and_equal_ones_found_among_all(monkeypatch):
    stream = np.random.default_rng(4)
    pictures = scenes(20, stream)
    pictures[1] = changed(pictures[0], "jpeg", stream)
    pictures[19] = changed(pictures[10], "light", stream)
    pictures[8] = pictures[7]
    store = store_of(pictures)
    assert near_copies(store, np.arange(20), 255.0).pairs.tolist() == [[7, 8], [10, 19], [0, 1]]
    monkeypatch.setattr(module, "_MOST_NEAR", 10)  # every second row, and the last
    found = near_copies(store, np.arange(20), 255.0)
    assert (found.pairs.tolist(), found.among) == ([[7, 8], [10, 19]], 10)


def test_pairs_are_counted_before_they_are_listed(monkeypatch):
    """Two thousand pictures that are nearly one have four million pairs in each of the crops."""
    monkeypatch.setattr(module, "_MOST_CANDIDATES", 10)
    monkeypatch.setattr(module, "_MOST_NEIGHBOURS", 500)
    pixels = np.asarray(scenes(1, np.random.default_rng(0))[0].resize((12, 12)))
    noise = np.random.default_rng(1).integers(0, 2, (2000, 3, 12, 12))
    store = ResidentStore(torch.from_numpy((pixels.transpose(2, 0, 1) // 2 + noise).astype("u1")))
    tracemalloc.start()
    found = near_copies(store, np.arange(2000), 255.0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.complete and 0 < len(found.pairs) <= 17 * 10
    assert most < 20e6


def with_copies(stream):
    """Return pictures of which the last three are changed copies of the first three."""
    pictures = scenes(12, stream)
    return [*pictures, *(changed(one, "jpeg", stream) for one in pictures[:3])]


def test_pictures_that_are_equal_push_no_copy_out(monkeypatch):
    """Of 30 equal ones 435 pairs are as alike as can be, more than are looked at."""
    monkeypatch.setattr(module, "_MOST_CANDIDATES", 60)
    stream = np.random.default_rng(5)
    store = store_of([*with_copies(stream), *[scenes(1, stream)[0]] * 30])
    found = near_copies(store, np.arange(45), 255.0)
    assert found.complete and found.among == 45
    near = found.pairs[found.likeness < 1].tolist()
    assert sorted(near) == [[row, 12 + row] for row in range(3)]
    assert found.pairs[found.likeness == 1].tolist() == [[row, row + 1] for row in range(15, 44)]


def test_a_copy_of_one_of_equal_pictures_is_found_by_the_first_of_them():
    stream = np.random.default_rng(7)
    picture, *others = scenes(3, stream)
    store = store_of([others[0], picture, picture, others[1], changed(picture, "jpeg", stream)])
    assert sorted(near_copies(store, np.arange(5), 255.0).pairs.tolist()) == [[1, 2], [1, 4]]
    # across splits each of two equal ones has its own pair: either may be a row of test seen before
    splits = {"train": np.array([0, 1, 3, 4]), "test": np.array([2])}
    found = near_copies(store, np.arange(5), 255.0, splits)
    assert sorted(found.pairs.tolist()) == [[1, 2], [1, 4], [2, 4]]
    assert found.likeness[found.pairs.tolist().index([1, 2])] == 1


def test_a_cut_among_those_that_are_close_is_told(monkeypatch):
    stream = np.random.default_rng(6)
    store = store_of(with_copies(stream))
    assert near_copies(store, np.arange(15), 255.0).complete
    monkeypatch.setattr(module, "_MOST_CANDIDATES", 2)
    assert not near_copies(store, np.arange(15), 255.0).complete


def test_where_too_many_are_close_each_is_held_against_its_nearest(monkeypatch):
    """Among 60 pictures that differ by noise alone, copies of others are found as before."""
    stream = np.random.default_rng(8)
    pictures = with_copies(stream)
    shape = np.asarray(scenes(1, stream)[0].resize((SIDE, SIDE)).convert("RGB")) // 2
    noise = stream.integers(0, 9, (60, *shape.shape))
    crowd = [Image.fromarray(one) for one in (shape + noise).astype("u1")]
    monkeypatch.setattr(module, "_MOST_NEIGHBOURS", 1000)
    found = near_copies(store_of([*pictures, *crowd]), np.arange(75), 255.0)
    wanted = {(row, 12 + row) for row in range(3)}
    other = {pair for pair in map(tuple, found.pairs.tolist()) if pair[0] < 15 or pair[1] < 15}
    assert not found.complete and other == wanted
    assert len(found.pairs) > len(wanted)


def test_pictures_are_held_as_the_bytes_they_came_in():
    pixels = torch.arange(2 * 3 * 96 * 96).reshape(2, 3, 96, 96) % 256
    held = module._small(ResidentStore(pixels.byte()), np.arange(2))
    assert held.shape == (2, 3, 64, 64) and held.element_size() == 1
    wanted = torch.nn.functional.adaptive_avg_pool2d(pixels.float(), 64)
    assert (held.float() - wanted).abs().max() <= 0.5
