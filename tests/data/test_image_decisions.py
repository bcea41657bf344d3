"""Data as a person decided about it: labels, splits, statistics, fingerprint, notes."""

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tilth.data.decisions import Decision, append
from tilth.data.image_data import read_images
from tilth.data.image_statistics import channel_statistics
from tilth.errors import UserError
from tilth.flow.settings import DataSettings
from tilth.flow.sources import read


@pytest.fixture
def folder(tmp_path):
    stream = np.random.default_rng(0)
    for label in ("cat", "dog", "owl"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(30):
            pixels = stream.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"{number}.png")
    return tmp_path / "set"


def decided(folder, *decisions):
    path = folder.parent / "decisions.csv"
    append(path, [Decision(*one) for one in decisions])
    return path


def labels_of(data):
    return {
        data.item_id(int(row)): data.target.labels[int(data.targets[row])]
        for rows in data.splits.values()
        for row in rows
    }


def test_rows_are_relabelled_or_taken_out_and_all_else_stays(folder):
    data = tl.images(folder)
    train = [data.item_id(int(row)) for row in data.splits["train"]]
    path = decided(folder, (train[0], "relabel", "owl"), (train[1], "drop"), (train[2], "keep"))
    found = data.apply(path)
    expected = labels_of(data) | {train[0]: "owl"}
    del expected[train[1]]
    assert labels_of(found) == expected
    gone = data.files.index(train[1])
    for name, rows in data.splits.items():
        assert found.splits[name].tolist() == [row for row in rows.tolist() if row != gone]
    measured = channel_statistics(found.pictures, found.splits["train"])
    assert found.preprocessor.mean == measured.mean != data.preprocessor.mean
    assert "decisions.csv: 1 relabelled, 1 dropped, 1 kept as they were" in found.notes
    assert [bad.item for bad in found.bad_items] == [train[1]]
    assert (folder / train[1]).is_file()


def test_dropping_alone_changes_the_fingerprint_and_keeping_does_not(folder):
    data = tl.images(folder)
    item = data.item_id(0)
    kept = data.apply(decided(folder, (item, "keep")))
    assert kept.fingerprint() == data.fingerprint()
    dropped = data.apply(decided(folder, (item, "drop")))
    assert dropped.fingerprint() != data.fingerprint()
    again = data.apply(decided(folder, (item, "undo")))
    assert again.fingerprint() == data.fingerprint()


def test_a_new_label_is_a_new_class_and_an_empty_one_goes(folder):
    data = tl.images(folder)
    owls = [name for name in data.files if name.startswith("owl")]
    found = data.apply(decided(folder, *((name, "relabel", "bat") for name in owls)))
    assert found.target.labels == ("bat", "cat", "dog")
    assert {labels_of(found)[name] for name in owls if name in labels_of(found)} == {"bat"}


def test_a_label_that_only_test_has_is_left_out(folder):
    data = tl.images(folder)
    item = data.item_id(int(data.splits["test"][0]))
    found = data.apply(decided(folder, (item, "relabel", "emu")))
    assert found.target.labels == data.target.labels and item not in labels_of(found)
    assert any("1 picture without a label that train knows left out" in n for n in found.notes)


def test_pictures_without_labels_get_a_target(tmp_path):
    stream = np.random.default_rng(0)
    data = tl.arrays(stream.integers(0, 255, (60, 8, 8), dtype=np.uint8))
    path = tmp_path / "decisions.csv"
    append(path, [Decision(data.item_id(r), "relabel", "ab"[r % 2], time="1") for r in range(40)])
    found = data.apply(path)
    assert found.target.kind == "classes" and found.target.labels == ("a", "b")
    assert sum(len(rows) for rows in found.splits.values()) == 40
    assert all(int(found.targets[row]) == row % 2 for row in range(40))
    assert {name: rows[rows < 40].tolist() for name, rows in data.splits.items()} == {
        name: rows.tolist() for name, rows in found.splits.items()
    }


def test_unknown_items_are_named_and_nothing_but_them_is_refused(folder):
    data = tl.images(folder)
    some = decided(folder, (data.item_id(0), "drop"), ("cat/gone.png", "drop"))
    assert any("not in this data: cat/gone.png" in note for note in data.apply(some).notes)
    other = folder.parent / "other.csv"
    append(other, [Decision("bird/1.png", "drop")])
    with pytest.raises(UserError, match=r"none of the 1 item .* such as 'bird/1.png'"):
        data.apply(other)


def test_numbers_can_be_dropped_but_not_relabelled(tmp_path):
    stream = np.random.default_rng(0)
    pixels = stream.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    data = tl.arrays(pixels, stream.normal(size=60))
    row = int(data.splits["train"][0])
    append(tmp_path / "drop.csv", [Decision(data.item_id(row), "drop")])
    found = data.apply(tmp_path / "drop.csv")
    raw = data.targets.double() * data.target.scale + data.target.mean
    left = raw[found.splits["train"]].numpy()
    assert row not in found.splits["train"]
    assert found.target.mean == pytest.approx(left.mean())
    append(tmp_path / "new.csv", [Decision(data.item_id(row), "relabel", "7")])
    with pytest.raises(UserError, match="whose target is a number"):
        data.apply(tmp_path / "new.csv")


def test_settings_read_the_decisions_back(folder):
    item = read_images(folder).item_id(0)
    path = decided(folder, (item, "drop"))
    found = read(DataSettings(str(folder), decisions=str(path)))
    assert item not in labels_of(found)
    assert found.origin["decisions"] == str(path)
    with pytest.raises(UserError, match="there is no such file"):
        read(DataSettings(str(folder), decisions="absent.csv"))
    with pytest.raises(UserError, match="about one set"):
        read(DataSettings(str(folder), onto=str(folder / "cat"), decisions=str(path)))
