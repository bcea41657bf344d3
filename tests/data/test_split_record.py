"""What a run writes of its splits is small, fast, readable again, and tells other rows apart."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

import tilth as tl
from tests.data.pictures import class_folders, encoded, noise
from tilth.data.split_record import recorded_rows, split_record
from tilth.errors import UserError


def some_rows(count, of, seed=0):
    return np.sort(np.random.default_rng(seed).permutation(of)[:count])


@pytest.mark.parametrize(("count", "of"), [(0, 10), (3, 10), (1000, 5000), (1001, 1001)])
def test_the_rows_come_back(count, of):
    rows = some_rows(count, of)
    record = json.loads(json.dumps(split_record(rows, rows.astype(np.uint64))))
    assert recorded_rows(record).tolist() == rows.tolist()
    assert record["count"] == count


def test_few_rows_are_listed_for_people():
    assert split_record(np.array([4, 2]), np.array([1, 2], dtype=np.uint64))["rows"] == [2, 4]


def test_a_million_rows_take_little_time_and_space():
    order = np.random.default_rng(0).permutation(1_000_000)
    splits = [np.sort(part) for part in np.split(order, [700_000, 800_000, 850_000])]
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        texts = [json.dumps(split_record(rows, rows.astype(np.uint64))) for rows in splits]
        seconds.append(time.process_time() - begun)
    assert min(seconds) < 0.3  # lists of the rows took about 1.8 s
    assert sum(map(len, texts)) < 450_000  # at most a bit for each row and split, in base64
    for text, rows in zip(texts, splits, strict=True):
        assert np.array_equal(recorded_rows(json.loads(text)), rows)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["rows"].update(zlib="not base64!"),
        lambda record: record["rows"].pop("of"),
        lambda record: record["rows"].update(of=1),
        lambda record: record.update(count=7),
    ],
)
def test_damage_is_told(change):
    rows = some_rows(2000, 3000)
    record = split_record(rows, rows.astype(np.uint64))
    change(record)
    with pytest.raises(UserError, match=r"cannot be read.*data\.json is damaged"):
        recorded_rows(record)


def frame(rows=3000, extra=0.0):
    stream = np.random.default_rng(0)
    return {"x": stream.normal(size=rows) + extra, "y": stream.normal(size=rows)}


def test_a_table_knows_its_splits_again_and_other_rows_or_values_apart():
    data = tl.table(frame(), "y")
    again = tl.table(frame(), "y")
    for split in data.splits:
        assert data.split_record(split) == again.split_record(split)
        assert recorded_rows(data.split_record(split)).tolist() == data.splits[split].tolist()
    hashes = {
        data.split_record("test")["sha256"],
        data.split_record("valid")["sha256"],
        tl.table(frame(), "y", split_seed=1).split_record("test")["sha256"],
        tl.table(frame(extra=1.0), "y").split_record("test")["sha256"],
    }
    assert len(hashes) == 4


def test_equal_rows_of_a_table_have_keys_of_their_own():
    table = {"x": [1.0, 2.0] * 50, "y": [0.5, 1.5] * 50}
    data = tl.table(table, "y", task="regress")
    assert len(np.unique(data.id_keys(np.arange(100)))) == 100


def test_tables_of_one_folder_with_equal_lines_have_keys_of_their_own(tmp_path):
    text = "x,y\n" + "".join(f"{i % 9},{i % 2}\n" for i in range(60))
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(text)
    data = tl.table(tmp_path, "y")
    assert len(np.unique(data.id_keys(np.arange(120)))) == 120


def test_pictures_of_the_same_names_with_other_contents_are_other_rows(tmp_path):
    for name in ("one", "same", "other"):
        class_folders(tmp_path / name, {"a": 12, "b": 12})
    changed = tmp_path / "other" / "a" / "003.png"
    changed.write_bytes(encoded(noise(16, 16, seed=999)))
    one, same, other = (tl.images(tmp_path / name) for name in ("one", "same", "other"))
    rows = np.arange(24)
    assert one.item_ids(rows) == other.item_ids(rows)
    assert (one.id_keys(rows) == same.id_keys(rows)).all()
    differ = np.flatnonzero(one.id_keys(rows) != other.id_keys(rows))
    assert one.item_ids(differ) == ["a/003.png"]
    for split in one.splits:
        assert one.split_record(split) == same.split_record(split)
