from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.pictures import animation, class_folders, encoded, noise, write
from tilth.data import image_findings, image_statistics
from tilth.data.dataset import Finding
from tilth.data.image_data import ImageData, image_arrays, read_images


def findings(data: ImageData) -> dict[str, Finding]:
    found = data.findings()
    order = [("error", "warning", "info").index(finding.severity) for finding in found]
    assert order == sorted(order)
    assert len({finding.code for finding in found}) == len(found)
    return {finding.code: finding for finding in found}


def pictures(count: int) -> np.ndarray:
    return np.stack([noise(32, 32, seed=seed) for seed in range(count)])


SPLITS = {
    "train": range(20),
    "valid": range(20, 30),
    "calibrate": range(30, 35),
    "test": range(35, 60),
}


def test_nothing_wrong():
    assert findings(image_arrays(pictures(60), np.arange(60) % 2)) == {}


def test_copies_across_and_inside_splits_and_with_other_labels():
    pixels = pictures(60)
    pixels[40], pixels[50] = pixels[2], pixels[2]  # train -> test, twice
    pixels[7] = pixels[6]  # inside train
    labels = np.arange(60) % 2
    data = image_arrays(pixels, labels, splits=SPLITS)
    found = findings(data)
    across = found["duplicates_across_splits"]
    assert across.severity == "warning"
    assert "2 of 25 test rows" in across.what
    assert across.items == (" = ".join(data.item_id(row) for row in (2, 40, 50)),)
    assert found["duplicates"].items == (f"{data.item_id(6)} = {data.item_id(7)}",)
    assert found["label_conflict"].items == (f"{data.item_id(6)} = {data.item_id(7)}",)


def test_near_copies():
    pixels = pictures(60)
    pixels[40] = (pixels[2] * 0.9).astype(np.uint8)
    pixels[5] = (pixels[4] * 0.9).astype(np.uint8)
    data = image_arrays(pixels, np.arange(60) % 2, splits=SPLITS)
    found = findings(data)
    across = found["near_duplicates_across_splits"]
    assert across.severity == "warning"  # one of 25 test rows is 4 %
    assert across.items == (f"{data.item_id(2)} = {data.item_id(40)}",)
    assert found["near_duplicates"].items == (f"{data.item_id(4)} = {data.item_id(5)}",)


def test_blank_pictures():
    pixels = pictures(60)
    pixels[[3, 9]] = 200
    data = image_arrays(pixels, np.arange(60) % 2)
    found = findings(data)
    assert set(found) == {"blank"}
    assert found["blank"].items == (data.item_id(3), data.item_id(9))


def test_colour_that_is_not_used():
    grey = np.repeat(pictures(60)[:, :, :, :1], 3, axis=3)
    assert set(findings(image_arrays(grey, np.arange(60) % 2))) == {"no_colour"}
    assert findings(image_arrays(grey[:, :, :, 0], np.arange(60) % 2)) == {}


def test_large_sets_are_looked_at_in_part_and_it_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_findings, "_MOST_ROWS", 30)
    found = findings(image_arrays(pictures(60), np.arange(60) % 2))
    assert "30 of 60" in found["limited"].what


def test_files(tmp_path: Path):
    class_folders(tmp_path, {"a": 20, "b": 20})
    write(
        tmp_path,
        {
            "a/wide.png": encoded(noise(16, 64)),
            "a/small.png": encoded(noise(3, 3)),
            "b/moving.gif": animation("GIF", noise(16, 16, seed=1), noise(16, 16, seed=2)),
            "a/zero.png": b"",
            "b/list.csv": b"1,2",
            "empty/.keep": b"",
        },
    )
    found = findings(read_images(tmp_path, max_bad=0.1))
    assert found["odd_proportions"].items == ("a/wide.png",)
    assert found["small_pictures"].items == ("a/small.png",)
    assert found["animated"].items == ("b/moving.gif",)
    assert found["unreadable"].items == ("a/zero.png: zero bytes",)
    assert found["not_pictures"].items == ("b/list.csv: not a picture (.csv)",)
    assert found["empty_class"].items == ("empty",)
    assert "files_tell_the_class" not in found


@pytest.mark.parametrize("what", ["file format", "size", "colour mode"])
def test_files_that_tell_the_class(tmp_path: Path, what: str):
    for i in range(40):
        first = encoded(noise(16, 16, seed=i))
        second = {
            "file format": lambda: encoded(noise(16, 16, seed=99 + i), "BMP"),  # noqa: B023
            "size": lambda: encoded(noise(16, 17, seed=99 + i)),  # noqa: B023
            "colour mode": lambda: encoded(noise(16, 16, 1, seed=99 + i)),  # noqa: B023
        }[what]()
        write(tmp_path, {f"a/{i}.png": first, f"b/{i}.png": second})
    found = findings(read_images(tmp_path, size=16))
    assert (
        f"the {what} of a file alone gives the class of 100%" in found["files_tell_the_class"].what
    )


def test_sizes_that_are_all_different_tell_nothing(tmp_path: Path):
    for i in range(30):
        write(tmp_path, {f"{'ab'[i % 2]}/{i}.png": encoded(noise(16, 16 + i, seed=i))})
    assert "files_tell_the_class" not in findings(read_images(tmp_path, size=16))


def test_streamed_sets_are_looked_at_too(tmp_path: Path):
    class_folders(tmp_path, {"a": 15, "b": 15})
    write(tmp_path, {"a/copy.png": (tmp_path / "a" / "000.png").read_bytes()})
    data = read_images(tmp_path, resident=False)
    assert findings(data)["duplicates"].items == ("a/000.png = a/copy.png",)
    assert torch.equal(
        data.store.take(torch.tensor([0]))[0], data.store.take(torch.tensor([15]))[0]
    )


def test_damage_in_the_middle_of_a_streamed_file_is_found_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class_folders(tmp_path, {"a": 15, "b": 15}, size=(64, 64))
    path = tmp_path / "a" / "003.png"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(20) + content[middle + 20 :])
    for resident in (True, False):  # in memory, or measured: known at once
        everything = (1.0, 0.0, 0.0)
        data = read_images(tmp_path, max_bad=0.1, fractions=everything, resident=resident)
        assert [item.item for item in data.bad_items] == ["a/003.png"]
        assert all(data.item_id(r) != "a/003.png" for rows in data.splits.values() for r in rows)
        assert findings(data)["unreadable"].severity == "warning"
    monkeypatch.setattr(image_statistics, "SAMPLE_ROWS", 1)
    data = read_images(tmp_path, resident=False)  # its end is as it should be
    assert not data.bad_items
    found = findings(data)["undecodable"]
    assert found.severity == "error"
    assert [item.split(": ")[0] for item in found.items] == ["a/003.png"]
