"""What people really have, through the command line: each message names the value and the fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.cli.calling import FAST, call
from tests.data.pictures import class_folders, encoded, noise, png_of_size


def frame(rows: int = 200) -> pl.DataFrame:
    """A table whose target hangs on one column, with noise."""
    stream = np.random.default_rng(0)
    first = stream.normal(size=rows)
    return pl.DataFrame(
        {
            "first": first,
            "second": stream.normal(size=rows),
            "colour": stream.choice(["red", "green"], rows),
            "kind": np.where(first + stream.normal(size=rows) > 0, "up", "down"),
            "price": first + stream.normal(size=rows),
        }
    )


def ragged(lines: list[str], count: int) -> bytes:
    """The lines as a file in which ``count`` lines have a field too many, from line 6 on."""
    longer = [f"{line},7" for line in lines[5 : 5 + count]]
    return "\n".join([*lines[:5], *longer, *lines[5 + count :]]).encode()


LINES = frame().write_csv().splitlines()
WHOLE = "\n".join(LINES)
EMPTY_TARGET = frame().with_columns(kind=pl.lit(None, dtype=pl.String)).write_csv()
REFUSED = {
    "ragged": (ragged(LINES, 30), ("6 fields where the header has 5 (line 6", "max_bad=0.15")),
    "no values": (b"", ("is empty", "saved or copied whole")),
    "header only": (LINES[0].encode(), ("no rows", "saved or copied whole")),
    "target twice": (WHOLE.replace("colour", "kind", 1).encode(), ("'kind'", "rename or delete")),
    "target empty": (EMPTY_TARGET.encode(), ("'kind' has no values", "choose another target")),
    "target missing": (WHOLE.replace("kind", "kynd", 1).encode(), ("did you mean 'kynd'?",)),
    "one class": (WHOLE.replace("down", "up").encode(), ("always 'up'", "choose another")),
}
BORNE = {
    "one ragged line": (ragged(LINES, 1), ("set aside", "line 6: 6 fields")),
    "NUL": (WHOLE.replace("red", "r\0d", 1).encode(), ("holds a NUL byte", "mend or delete")),
    "byte order mark": (b"\xef\xbb\xbf" + WHOLE.encode(), ("byte order mark",)),
    "Latin-1": (WHOLE.replace("red", "ros\u00e9").encode("latin-1"), ("Windows-1252",)),
    "columns twice": (WHOLE.replace("second", "first", 1).encode(), ("'first' occurs more than",)),
    "column empty": (
        frame().with_columns(second=pl.lit(None, dtype=pl.Float64)).write_csv().encode(),
        ("second: has no values", "left out: they tell no rows apart"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_are_refused(tmp_path: Path, name: str):
    content, told = REFUSED[name]
    (tmp_path / "t.csv").write_bytes(content)
    code, _, said = call("check", tmp_path / "t.csv", "--target", "kind")
    assert code == 2
    assert "Fix: " in said
    for words in told:
        assert words in said


@pytest.mark.parametrize("name", BORNE)
def test_tables_that_are_read_with_a_word_on_it(tmp_path: Path, name: str):
    content, told = BORNE[name]
    (tmp_path / "t.csv").write_bytes(content)
    code, said, _ = call("check", tmp_path / "t.csv", "--target", "kind")
    assert code == 0
    for words in told:
        assert words in said
    assert said.count("line 6: 6 fields") <= 1  # each thing is said once
    assert "left out kind" not in said  # the target is no input, of course


def test_the_share_of_bad_rows_that_was_proposed_is_enough_on_the_command_line(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(ragged(LINES, 30))
    words = ("check", tmp_path / "t.csv", "--target", "kind")
    _, _, said = call(*words)
    option = said.partition("(--set ")[2].partition(")")[0]
    assert call(*words, "--set", option)[0] == 0


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    return class_folders(tmp_path_factory.mktemp("sound"), {"cat": 60, "dog": 60}, size=(9, 9))


ODD = {
    "zero.png": (b"", "zero bytes"),
    "cut.png": (encoded(noise(64, 64))[:-300], "cut short"),
    "header.gif": (b"GIF89a", "cut short"),
    "page.png": (b"<html></html>", "an HTML page"),
    "bomb.png": (
        png_of_size(50_000, 50_000),
        "over the limit of 100 million: make it smaller, or read",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_bad_picture_is_set_aside_and_listed_once(tmp_path: Path, name: str):
    content, reason = ODD[name]
    class_folders(tmp_path, {"cat": 60, "dog": 60}, size=(9, 9))
    (tmp_path / "cat" / name).write_bytes(content)
    code, said, _ = call("check", tmp_path)
    assert code == 0
    assert said.count(f"cat/{name}") == 1
    assert reason in said
    assert "1 picture cannot be read" in said
    assert "repair or delete them" in said


def test_more_bad_pictures_than_a_hundredth_stop_with_the_list(tmp_path: Path):
    class_folders(tmp_path, {"cat": 20, "dog": 20}, size=(9, 9))
    for name in ("cat/x.png", "dog/y.png"):
        (tmp_path / name).write_bytes(b"")
    code, _, said = call("check", tmp_path)
    assert code == 2
    for words in ("2 of 42 pictures", "cat/x.png: zero bytes", "dog/y.png", "--set data.max_bad="):
        assert words in said


FOLDERS = {
    "missing": ({}, "nowhere", ("'nowhere'", "check the spelling")),
    "empty": ({}, "", ("an empty folder", "put the pictures there")),
    "one class": ({"cat": 30}, "", ("one class, cat", "add examples of another class")),
    "one each": ({"a": 1, "b": 1, "c": 1}, "", ("no rows in valid", "tilth check")),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_cannot_be_learned_from(tmp_path: Path, monkeypatch, name: str):
    counts, path, told = FOLDERS[name]
    class_folders(tmp_path, counts, size=(9, 9))
    monkeypatch.chdir(tmp_path)
    code, _, said = call("train", path or tmp_path, "-o", tmp_path / "run", *FAST)
    assert code == 2
    assert "Fix: " in said
    for words in told:
        assert words in said
    assert not (tmp_path / "run").exists()


def test_one_picture_per_class_is_one_finding(tmp_path: Path):
    class_folders(tmp_path, dict.fromkeys("abcd", 1), size=(9, 9))
    code, said, _ = call("check", tmp_path)
    assert code == 1
    assert "every one of the 4 classes has a single row" in said
    assert "class_not_in" not in said


MISTAKES = [
    (("--batch-size", "1000"), ("batch_size=1000 with 84 training rows", "use batch_size=")),
    (("--epoks", "3"), ("'--epoks'", "did you mean '--epochs'?")),
    (("--set", "train.epoks=3"), ("'train.epoks'", "did you mean 'train.epochs'?")),
    (("--model", "mlpp"), ("'mlpp'", "did you mean 'mlp'?")),
    (("--device", "cudda"), ("'cudda'", "did you mean 'cuda'?")),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_mistakes_in_options(pictures: Path, tmp_path: Path, words, told):
    code, _, said = call("train", pictures, "-o", tmp_path / "run", *words)
    assert code == 2
    for part in told:
        assert part in said
    assert "?." not in said


def test_an_output_that_cannot_be_written_is_told_before_training(pictures: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    code, _, said = call("train", pictures, "-o", tmp_path / "file" / "run", *FAST)
    assert code == 2
    assert str(tmp_path / "file") in said
    assert "Fix: " in said


def test_odd_but_sound_pictures_are_read(tmp_path: Path):
    class_folders(tmp_path, {"cat": 30, "dog": 30}, size=(9, 9))
    colour = Image.new("RGB", (9, 9), "red")
    colour.convert("CMYK").save(tmp_path / "cat" / "cmyk.jpg")
    colour.save(tmp_path / "cat" / "really_png.jpg", "PNG")
    deep = np.random.default_rng(0).integers(0, 65535, (9, 9)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "cat" / "deep.png")
    turned = Image.Exif()
    turned[0x112] = 6
    colour.save(tmp_path / "dog" / "turned.jpg", exif=turned)
    blue = Image.new("RGB", (9, 9), "blue")
    colour.save(tmp_path / "dog" / "moving.gif", save_all=True, append_images=[blue])
    code, said, _ = call("check", tmp_path)
    assert code == 0
    assert "set aside" not in said
    assert "1 photograph is turned upright" in said
    assert "1 file is an animation: the first frame is used" in said
    assert "files that are grey among colour ones: 1 of 65" in said


SEPARATORS = {"t.csv": ",", "t.tsv": "\t", "t.tab": "\t", "t.train": ",", "t.data": ";"}


@pytest.mark.parametrize("name", SEPARATORS)
def test_every_name_that_a_table_may_have_is_taken_for_a_table(tmp_path: Path, name: str):
    frame().write_csv(tmp_path / name, separator=SEPARATORS[name])
    code, said, _ = call("check", tmp_path / name, "--target", "kind")
    assert code == 0
    assert "number: first, second, price" in said
    code, _, said = call("check", tmp_path / name)
    assert code == 2
    assert "add --target COLUMN" in said
