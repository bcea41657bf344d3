from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.data.pictures import class_folders, encoded, noise, write
from tilth.data.image_files import existing_folder, idx_files, list_pictures
from tilth.errors import UserError

PNG = encoded(noise(8, 8))


def test_class_folders(tmp_path: Path):
    class_folders(tmp_path, {"dogs": 2, "cats": 1})
    found = list_pictures(tmp_path)
    assert found.files == ["cats/000.png", "dogs/000.png", "dogs/001.png"]
    assert found.labels == ["cats", "dogs", "dogs"]
    assert found.splits == ["", "", ""]
    assert "2 classes" in found.notes[0]


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "valid", "test"), ("train", "valid", "test")),
        (("Training", "VAL", "testing"), ("train", "valid", "test")),
        (("train", "validation", "test"), ("train", "valid", "test")),
        (("train", "dev"), ("train", "valid")),
    ],
)
def test_split_folders(tmp_path: Path, names: tuple[str, ...], splits: tuple[str, ...]):
    for name in names:
        class_folders(tmp_path / name, {"a": 1, "b": 1})
    found = list_pictures(tmp_path)
    given = {
        name.split("/")[0]: split for name, split in zip(found.files, found.splits, strict=True)
    }
    assert given == dict(zip(names, splits, strict=True))
    assert sorted(set(found.labels)) == ["a", "b"]
    assert "splits are given by folders" in found.notes[0]


def test_a_class_may_be_called_train(tmp_path: Path):
    class_folders(tmp_path, {"train": 2, "plane": 2})
    found = list_pictures(tmp_path)
    assert set(found.labels) == {"train", "plane"}
    assert set(found.splits) == {""}


def test_wrapper_folders_are_followed_and_said(tmp_path: Path):
    class_folders(tmp_path / "outer" / "flower_photos", {"rose": 1, "tulip": 1})
    found = list_pictures(tmp_path)
    assert found.labels == ["rose", "tulip"]
    assert any("outer/flower_photos" in note for note in found.notes)


def test_one_class_is_not_taken_for_a_wrapper(tmp_path: Path):
    class_folders(tmp_path, {"only": 3})
    assert set(list_pictures(tmp_path).labels) == {"only"}


def test_other_files_are_set_aside_and_system_files_passed_over(tmp_path: Path):
    class_folders(tmp_path, {"a": 1, "b": 1})
    write(
        tmp_path,
        {
            "labels.csv": b"x",
            "a/notes.txt": b"hello",
            "a/.DS_Store": b"x",
            "a/._000.png": b"x",
            "a/Thumbs.db": b"x",
            "__MACOSX/a/000.png": PNG,
            ".cache/a/000.png": PNG,
            "stray.png": PNG,
        },
    )
    found = list_pictures(tmp_path)
    assert found.files == ["a/000.png", "b/000.png"]
    assert {item.item: item.reason for item in found.set_aside} == {
        "a/notes.txt": "not a picture (.txt)",
        "labels.csv": "not a picture",
        "stray.png": "not in a class folder",
    }


def test_content_decides_where_the_suffix_says_nothing(tmp_path: Path):
    write(tmp_path, {"a/picture": PNG, "a/picture.dat": PNG, "b/text": b"BMW is a car maker"})
    found = list_pictures(tmp_path)
    assert found.files == ["a/picture", "a/picture.dat"]
    assert [item.item for item in found.set_aside] == ["b/text"]
    assert found.empty_classes == ["b"]


def test_deeper_folders_belong_to_the_first_one(tmp_path: Path):
    write(tmp_path, {"cat/2020/x.png": PNG, "cat/y.png": PNG, "dog/z.png": PNG})
    found = list_pictures(tmp_path)
    assert dict(zip(found.files, found.labels, strict=True)) == {
        "cat/y.png": "cat",
        "cat/2020/x.png": "cat",
        "dog/z.png": "dog",
    }
    assert any("deeper" in note for note in found.notes)


def test_unicode_and_spaces(tmp_path: Path):
    root = tmp_path / "my pictures \u00e9\u4e2d"
    class_folders(root, {"Katze \u00fc": 1, "\u72ac": 1})
    assert list_pictures(root).labels == ["Katze \u00fc", "\u72ac"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_and_loops_are_not(tmp_path: Path):
    class_folders(tmp_path / "real", {"a": 2})
    root = class_folders(tmp_path / "set", {"b": 1})
    (root / "a").symlink_to(tmp_path / "real" / "a")
    (root / "b" / "again").symlink_to(root / "b")
    found = list_pictures(root)
    assert found.labels == ["a", "a", "b"]


def message(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        list_pictures(path)
    return str(caught.value)


def test_missing_folder(tmp_path: Path):
    (tmp_path / "flowers").mkdir()
    text = message(tmp_path / "flowrs")
    assert f"no folder {tmp_path / 'flowrs'}" in text
    assert f"did you mean {tmp_path / 'flowers'}?" in text
    assert f"no folder {tmp_path / 'x'}" in message(tmp_path / "x" / "y" / "z")


def test_empty_folder_says_what_was_looked_for_and_found(tmp_path: Path):
    text = message(tmp_path)
    assert f"no pictures in {tmp_path}" in text
    assert "one folder per class" in text
    assert "an empty folder" in text
    write(tmp_path, {"a/x.csv": b"1", "a/y.csv": b"1", "b/z": b"1"})
    text = message(tmp_path)
    assert "2 .csv" in text
    assert "1 no suffix" in text
    assert "in the folders a, b" in text


def test_pictures_alone_have_no_labels(tmp_path: Path):
    write(tmp_path, {"2.png": PNG, "1.png": PNG, "notes.txt": b"x", "empty/.keep": b""})
    found = list_pictures(tmp_path)
    assert found.files == ["1.png", "2.png"]
    assert found.labels == ["", ""] and found.splits == ["", ""]
    assert [item.item for item in found.set_aside] == ["notes.txt"]
    assert found.empty_classes == []
    assert found.notes == ["the pictures lie in no class folders: nothing says what each shows"]


def test_a_file_is_not_a_folder(tmp_path: Path):
    path = tmp_path / "pictures.zip"
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"is a file.*unpack it"):
        existing_folder(path)


def test_splits_without_classes(tmp_path: Path):
    write(tmp_path, {"train/1.png": PNG, "train/a.csv": b"x", "test/2.png": PNG, "3.png": PNG})
    found = list_pictures(tmp_path)
    assert dict(zip(found.files, found.splits, strict=True)) == {
        "test/2.png": "test",
        "train/1.png": "train",
    }
    assert set(found.labels) == {""}
    assert {item.item for item in found.set_aside} == {"3.png", "train/a.csv"}


def test_test_pictures_alone_are_no_train(tmp_path: Path):
    write(tmp_path, {"test/2.png": PNG})
    assert "but no train folder" in message(tmp_path)


def test_no_train_folder(tmp_path: Path):
    class_folders(tmp_path / "val", {"a": 1})
    class_folders(tmp_path / "test", {"a": 1})
    assert "but no train folder" in message(tmp_path)


def test_folders_beside_splits_are_set_aside(tmp_path: Path):
    class_folders(tmp_path / "train", {"a": 1, "b": 1})
    class_folders(tmp_path / "docs", {"c": 1})
    found = list_pictures(tmp_path)
    assert set(found.labels) == {"a", "b"}
    assert [item.item for item in found.set_aside] == ["docs/"]


def test_idx_files_of_a_folder(tmp_path: Path):
    write(tmp_path, {"t10k-images-idx3-ubyte.gz": b"", "readme": b"", "a/b-idx1-ubyte": b""})
    assert [path.name for path in idx_files(tmp_path)] == ["t10k-images-idx3-ubyte.gz"]
