"""A folder with many damaged files trains on the others, and says of each why not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL.PngImagePlugin import PngImageFile

import tilth as tl
from tests.data.pictures import black_png, class_folders, encoded, noise, png_of_size, write
from tilth.errors import UserError

SOUND = encoded(noise(16, 16, seed=999))
JPEG = encoded(noise(64, 64, seed=998), "JPEG")
SPOILT = bytearray(SOUND)
SPOILT[len(SOUND) // 2] ^= 1
KINDS = {
    "empty": b"",
    "text": b"this is no picture at all",
    "page": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "head alone": SOUND[:20],
    "cut png": SOUND[: len(SOUND) // 2],
    "cut jpeg": JPEG[: len(JPEG) // 3],
    "spoilt": bytes(SPOILT),
    "zeros": bytes(500),
    "vast": png_of_size(20_000, 20_000),
    "archive": b"PK\x03\x04" + bytes(200),
}


@pytest.fixture
def folder(tmp_path):
    """A folder of 256 files in two classes, 40 of them damaged, four of each kind."""
    place = class_folders(tmp_path / "many", {"a": 108, "b": 108})
    bad = {
        f"{'ab'[number % 2]}/{kind} {number}.png": content
        for kind, content in KINDS.items()
        for number in range(4)
    }
    return write(place, bad), sorted(bad)


def test_it_trains_and_all_are_listed_with_their_reasons(folder, tmp_path):
    place, bad = folder
    data = tl.images(place, max_bad=0.2)
    assert sorted(one.item for one in data.bad_items) == bad
    reasons = {one.item: one.reason for one in data.bad_items}
    assert all(len(reason) > 5 for reason in reasons.values())
    assert len({reasons[f"a/{kind} 0.png"] for kind in KINDS}) >= 7  # told apart, not lumped
    assert len(data.keys) == 216
    run = tl.Learner(data, run=tmp_path / "run", quiet=True, model_arguments={"width": 4}).fit(1)
    page = run.report().read_text()
    assert all(item in page for item in bad)
    record = json.loads((run.path / "data.json").read_text())
    assert sorted(one["item"] for one in record["bad_items"]) == bad


def test_without_leave_it_stops_and_names_what_would_admit_them(folder):
    place, bad = folder
    with pytest.raises(UserError) as told:
        tl.images(place)
    assert all(item in str(told.value) for item in bad)
    assert "max_bad=0.157" in str(told.value)


def test_a_vast_picture_is_set_aside_by_its_header_and_the_option_that_admits_it_named(tmp_path):
    place = class_folders(tmp_path / "two", {"a": 30, "b": 30})
    write(place, {"a/vast.png": png_of_size(20_000, 20_000)})
    (bad,) = tl.images(place, max_bad=0.05).bad_items
    assert bad.item == "a/vast.png" and "max_pixels=400000000" in bad.reason
    with pytest.raises(UserError, match=r"damaged|cut short"):  # admitted, it is found to be empty
        tl.images(place, max_pixels=400_000_000, max_bad=0.0)


PEAK = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
READ = "import sys, tilth as tl; data = tl.images(sys.argv[1], max_bad=0.05); data.check()"
DECODE = """import sys; from PIL import Image; Image.MAX_IMAGE_PIXELS = None
Image.open(sys.argv[1]).load()"""


def peak_kb(code, path):
    """Return the most memory that a process of its own held, in kB."""
    command = [sys.executable, "-c", code + PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-2])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_vast_picture_whose_pixels_are_all_there_takes_no_memory(tmp_path):
    place = class_folders(tmp_path / "two", {"a": 30, "b": 30})
    vast = write(tmp_path, {"vast.png": black_png(20_000, 20_000)}) / "vast.png"
    assert vast.stat().st_size < 3_000_000
    without = peak_kb(READ, place)
    vast.rename(place / "a" / "vast.png")
    assert peak_kb(READ, place) - without < 50_000
    assert peak_kb(DECODE, place / "a" / "vast.png") > without + 50_000


def test_a_vast_picture_is_never_decoded(tmp_path, monkeypatch):
    place = class_folders(tmp_path / "two", {"a": 30, "b": 30})
    write(place, {"a/vast.png": black_png(20_000, 20_000)})
    sizes, load = [], PngImageFile.load
    monkeypatch.setattr(PngImageFile, "load", lambda self: sizes.append(self.size) or load(self))
    data = tl.images(place, max_bad=0.05)
    data.check()
    assert len(data.keys) == 60 and set(sizes) == {(16, 16)}
