"""read_table from bytes to data: splits, targets, notes, and every kind of bad input."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tilth.data.dataset import SPLITS
from tilth.data.table_data import read_table
from tilth.errors import UserError


def rows(count=200, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(50, 10, count).round(2)
    return pl.DataFrame(
        {
            "size": size,
            "colour": rng.choice(["red", "green", "blue"], count),
            "when": [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in range(count)],
            "who": [f"person {i % 25}" for i in range(count)],
            "kind": np.where(size > 50, "large", "small"),
            "price": (size * 3 + rng.normal(size=count)).round(3),
        }
    )


def write(folder, frame, name="t.csv"):
    path = folder / name
    frame.write_csv(path)
    return path


def test_a_file_becomes_data_ready_for_training(tmp_path):
    frame = rows()
    data = read_table(write(tmp_path, frame), "kind")
    assert data.kind == "table"
    assert data.name == "t.csv"
    assert data.target.labels == ("large", "small")
    expected = torch.tensor([["large", "small"].index(kind) for kind in frame["kind"]])
    assert torch.equal(data.targets, expected)
    assert [len(data.splits[name]) for name in SPLITS] == [140, 20, 10, 30]
    assert len(data.store) == 200
    batch = data.prepare(train=True)(data.store.take(torch.tensor([7, 3])), torch.arange(2), 0)
    for part, whole in zip(batch, data.preprocessor(frame), strict=True):
        assert torch.equal(part, whole[[7, 3]])
    seen = frame["who"][data.splits["train"]].value_counts()
    people = seen.filter(seen["count"] >= 3).height
    assert data.model_arguments() == {
        "num_numbers": batch.numbers.shape[1],
        "cardinalities": [4, people + 1],
    }
    assert data.show_item(3)["row"] == {
        **frame.row(3, named=True), "when": "2020-01-04T00:00:00",
    }  # fmt: skip
    assert data.item_id(3).startswith("line 5 ")
    assert len(set(data.item_ids(np.arange(200)))) == 200
    json.dumps([data.describe(), data.notes, data.model_arguments(), data.show_item(0)])


def test_a_number_is_standardised_with_training_rows_only(tmp_path):
    frame = rows()
    data = read_table(write(tmp_path, frame), "price", columns={"kind": "drop"})
    train = frame["price"].to_numpy()[data.splits["train"]]
    assert data.target.mean == pytest.approx(train.mean())
    assert data.target.scale == pytest.approx(train.std())
    expected = (frame["price"].to_numpy() - train.mean()) / train.std()
    np.testing.assert_allclose(data.targets, expected, rtol=1e-5, atol=1e-6)
    assert data.targets.dtype == torch.float32
    assert "kind" not in [code.column for code in data.preprocessor.categories]


def contents(frame, splits):
    return {name: set(map(str, frame[chosen].rows())) for name, chosen in splits.items()}


def test_the_split_hangs_on_contents_and_seed_and_not_on_order_format_or_options(tmp_path):
    frame = rows()
    first = read_table(write(tmp_path, frame), "kind")
    where = contents(frame, first.splits)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3).select(sorted(frame.columns))
    other = read_table(shuffled, "kind", columns={"colour": "drop"})
    assert contents(shuffled.select(frame.columns), other.splits) == where
    frame.write_parquet(tmp_path / "t.parquet")
    for source in (tmp_path / "t.parquet", pd.DataFrame(frame.to_dict(as_series=False))):
        again = read_table(source, "kind")
        assert contents(frame, again.splits) == where
        assert again.fingerprint() == first.fingerprint()
    assert contents(frame, read_table(frame, "kind", split_seed=1).splits) != where
    changed = frame.with_columns(size=pl.col("size") + 1)
    assert read_table(changed, "kind").fingerprint() != first.fingerprint()


def test_by_group_and_by_time():
    frame = rows()
    data = read_table(frame, "kind", group="who")
    people = [set(frame["who"].to_numpy()[data.splits[name]]) for name in SPLITS]
    assert sum(map(len, people)) == 25
    assert "who" not in [code.column for code in data.preprocessor.categories]
    data = read_table(frame, "kind", time="when")
    assert data.splits["test"].tolist() == list(range(170, 200))
    assert data.splits["train"].tolist() == list(range(140))
    with pytest.raises(UserError, match="the time column 'who' holds String"):
        read_table(frame, "kind", time="who")
    with pytest.raises(UserError, match=r"unknown column 'whom'.*did you mean 'who'"):
        read_table(frame, "kind", group="whom")


def test_given_tables_keep_their_rows_and_the_rest_is_made(tmp_path):
    write(tmp_path, rows(100), "train.csv")
    write(tmp_path, rows(40, seed=1).drop("colour").with_columns(more=pl.lit(1)), "test.csv")
    data = read_table(tmp_path, "kind")
    assert data.splits["test"].tolist() == list(range(100, 140))
    assert [len(data.splits[name]) for name in SPLITS[:3]] == [82, 12, 6]
    assert data.item_id(100).startswith("test.csv line 2 ")
    assert any("columns that train lacks are left out: ['more']" in note for note in data.notes)
    assert any("lacks columns, which count as missing: ['colour']" in note for note in data.notes)
    assert data.preprocessor.categories[0].column == "colour"
    assert (data.store.raw.categories[100:, 0] == 0).all()
    data = read_table(rows(100), "kind", test=rows(40, seed=1), valid=rows(30, seed=2))
    assert [len(data.splits[name]) for name in SPLITS] == [100, 20, 10, 40]


def test_tables_of_different_types_are_joined_without_loss(tmp_path):
    train = pl.DataFrame(
        {"n": [1.0, 2.5, None] * 20, "code": [7.0, 8.0, 9.0] * 20, "kind": ["a", "b", "b"] * 20}
    )
    test = pl.DataFrame({"n": [3, 4, 5], "code": ["7", "x", None], "kind": ["a", "b", "a"]})
    data = read_table(train, "kind", test=test)
    assert data.frame["n"].to_list() == [1.0, 2.5, None] * 20 + [3.0, 4.0, 5.0]
    assert data.frame["code"].to_list() == ["7", "8", "9"] * 20 + ["7", "x", None]
    train.write_parquet(tmp_path / "train.parquet")
    write(tmp_path, test, "test.csv")
    again = read_table(tmp_path, "kind")
    assert again.frame.equals(data.frame)


def test_a_test_table_without_target_is_for_predict(tmp_path):
    write(tmp_path, rows(100), "train.csv")
    write(tmp_path, rows(40, seed=1).drop("kind"), "test.csv")
    data = read_table(tmp_path, "kind")
    assert len(data.store) == 100
    assert any("test.csv has no column 'kind': it is left out" in note for note in data.notes)
    with pytest.raises(UserError, match=r"unknown column of test\.csv 'kind'"):
        read_table(tmp_path / "train.csv", "kind", test=tmp_path / "test.csv")


def test_given_row_numbers_are_kept_even_where_rows_are_set_aside():
    frame = rows(100).with_columns(
        kind=pl.when(pl.arange(100) == 3).then(None).otherwise(pl.col("kind"))
    )
    splits = {"train": range(60), "valid": range(60, 80), "test": torch.arange(80, 100)}
    data = read_table(frame, "kind", splits=splits)
    names = {name: [data.names[row] for row in data.splits[name]] for name in SPLITS}
    assert names["train"] == [f"row {i}" for i in range(60) if i != 3]
    assert names["test"] == [f"row {i}" for i in range(80, 100)]
    assert sorted(names["valid"] + names["calibrate"]) == [f"row {i}" for i in range(60, 80)]


def test_splits_can_be_made_anew_with_new_statistics():
    frame = rows()
    data = read_table(frame, "price")
    splits = {name: data.splits[name] for name in SPLITS}
    splits["train"], splits["test"] = splits["test"], splits["train"]
    other = data.with_splits(splits)
    train = frame["price"].to_numpy()[splits["train"]]
    assert other.target.mean == pytest.approx(train.mean())
    size = frame["size"].to_numpy()
    code = next(code for code in other.preprocessor.numbers if code.column == "size")
    assert code.mean == pytest.approx(size[splits["train"]].mean())
    z = (size - size[splits["train"]].mean()) / size[splits["train"]].std()
    np.testing.assert_allclose(other.store.raw.numbers[:, 0], z, rtol=1e-5, atol=1e-6)
    assert data.target.mean != other.target.mean


def test_features_for_simple_models():
    frame = rows()
    data = read_table(frame, "kind")
    chosen = data.splits["test"][:5]
    numbers, categories = data.tree_features(chosen)
    assert numbers[:, 0].tolist() == frame["size"][chosen.tolist()].to_list()
    assert categories.tolist() == [False] * (numbers.shape[1] - 2) + [True, True]
    flat = data.flat_features(chosen)
    inputs = data.store.take(torch.from_numpy(chosen))
    width = inputs.numbers.shape[1]
    assert np.array_equal(flat[:, :width], inputs.numbers)
    seen = data.store.raw.categories[data.splits["train"]]
    assert flat.shape[1] == width + sum(len(column.unique()) for column in seen.T)
    assert (flat[:, width:].sum(axis=1) == 2).all()


def test_labels_spelled_otherwise_in_the_test_file_are_found_and_merged(tmp_path):
    write(tmp_path, rows(100), "a.data")
    write(tmp_path, rows(40, seed=1).with_columns(kind=pl.col("kind") + "."), "a.test")
    data = read_table(tmp_path, "kind")
    (finding,) = [f for f in data.findings() if f.severity == "error"]
    assert finding.code == "label_variants"
    assert "'large.' as 'large', 'small.' as 'small'" in finding.what
    assert "--fix labels" in finding.fix
    data = read_table(tmp_path, "kind", fixes=("labels",))
    assert data.target.labels == ("large", "small")
    assert len(data.splits["test"]) == 40
    assert "labels merged: 'large.' to 'large', 'small.' to 'small'" in data.notes
    assert not [f for f in data.findings() if f.severity == "error"]
    with pytest.raises(UserError, match=r"unknown fix 'label'.*did you mean 'labels'"):
        read_table(tmp_path, "kind", fixes=("label",))


def test_a_label_that_training_lacks_is_an_error_finding_with_its_rows():
    late = rows(40, seed=1)
    late = late.with_columns(
        kind=pl.when(pl.arange(40) == 7).then(pl.lit("huge")).otherwise("kind")
    )
    data = read_table(rows(100), "kind", test=late)
    assert data.target.labels == ("large", "small")
    assert len(data.splits["test"]) == 39
    (finding,) = [f for f in data.findings() if f.severity == "error"]
    assert (finding.code, finding.items) == ("unseen_label", ("test row 7",))
    assert "huge (1)" in finding.what


def test_rows_without_a_target_are_set_aside_and_listed(tmp_path):
    frame = rows().with_columns(
        kind=pl.when(pl.arange(200).is_in([0, 9])).then(None).otherwise(pl.col("kind"))
    )
    data = read_table(write(tmp_path, frame), "kind")
    assert len(data.store) == 198
    assert [(bad.item, bad.reason) for bad in data.bad_items] == [
        ("line 2", "the target 'kind' is missing"),
        ("line 11", "the target 'kind' is missing"),
    ]
    assert data.item_id(0).startswith("line 3 ")
    (finding,) = [f for f in data.findings() if f.code == "unreadable"]
    assert finding.items == (
        "line 2: the target 'kind' is missing", "line 11: the target 'kind' is missing",
    )  # fmt: skip
    many = rows().with_columns(kind=pl.when(pl.arange(200) < 3).then(None).otherwise("kind"))
    with pytest.raises(
        UserError, match=r"3 of 200 rows of table cannot be used: the target .*\(row 0"
    ):
        read_table(many, "kind")
    assert len(read_table(many, "kind", max_bad=0.02).store) == 197


def test_targets_that_are_no_numbers_are_set_aside_with_their_value():
    frame = rows().with_columns(price=pl.col("price").cast(pl.String))
    frame[5, "price"] = "ask"
    data = read_table(frame, "price", task="regress", columns={"kind": "drop"})
    assert [bad.reason for bad in data.bad_items] == ["the target 'price' is 'ask'"]
    assert data.target.kind == "number"


BAD = {
    "ragged": (
        b"a,b\n" + b"1,x\n2,y\n" * 60 + b"3\n4,z,w\n",
        "1 field where the header has 2 .line 122",
    ),
    "nul": (b"a,b\n" + b"1,x\n2,y\n" * 20 + b"3,\x00\n", "holds a NUL byte .line 42"),
    "empty": (b"", "is empty"),
    "header only": (b"a,b\n", "has a header line but no rows"),
    "mixed delimiters": (b"a,b\n" + b"1,x\n2;y\n" * 20, "separated by semicolons"),
    "duplicate target": (b"a,b,b\n" + b"1,x,y\n2,y,x\n" * 20, "'b' occurs more than once"),
    "no header": (b"1,2,b1\n" + b"1,2,y\n3,4,z\n" * 20, "first line looks like values"),
    "one class": (b"a,b\n" + b"1,x\n2,x\n" * 20, "'b' is always 'x'"),
    "target without values": (b"a,b\n" + b"1,\n2,NA\n" * 20, "'b' has no values"),
    "nothing to learn": (b"a,b\n" + b"1,x\n1,y\n" * 20, "no column is left"),
}


@pytest.mark.parametrize(("raw", "message"), BAD.values(), ids=BAD.keys())
def test_bad_tables_are_refused_with_their_reason(tmp_path, raw, message):
    path = tmp_path / "t.csv"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=message):
        read_table(path, "b")


def test_a_missing_target_column_lists_the_columns_and_the_likely_one(tmp_path):
    with pytest.raises(UserError) as caught:
        read_table(write(tmp_path, rows()), "knd")
    assert str(caught.value) == (
        "unknown column of t.csv 'knd'. Choices: colour, kind, price, size, when, who. "
        "Fix: did you mean 'kind'?"
    )
    with pytest.raises(UserError, match="no table in"):
        read_table(tmp_path.parent / tmp_path.name / "..", "kind")


def test_what_can_be_borne_is_read_and_said(tmp_path):
    body = "".join(f"{i % 7},{'xy'[i % 2]},é,,{i % 3}\r\n" for i in range(200))
    raw = ("\ufeffa,b,c,empty,a\r\n" + body).encode() + b"1,x\n"
    (tmp_path / "t.csv").write_bytes(raw)
    data = read_table(tmp_path / "t.csv", "b")
    said = "\n".join(data.notes)
    for words in (
        "begins with a UTF-8 byte order mark",
        "column 'a' occurs more than once: the next is 'a.2'",
        "left out empty: has no values at all",
        "left out c: is always é",
        "number: a, a.2",
    ):
        assert words in said, words
    assert [bad.item for bad in data.bad_items] == ["line 202"]
    (tmp_path / "t.csv").write_bytes(raw[3:].decode().encode("latin-1"))
    data = read_table(tmp_path / "t.csv", "b")
    assert "t.csv is not UTF-8: read as Windows-1252 (Latin-1)" in data.notes
    assert data.show_item(0)["row"]["c"] == "é"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_elapsed_seconds_do_not_depend_on_the_unit_of_a_pandas_column(unit):
    stamps = pd.date_range("2019-12-04", periods=60, freq="D", unit=unit)
    frame = pd.DataFrame({"when": stamps, "kind": ["a", "b"] * 30})
    before = frame.copy(deep=True)
    data = read_table(frame, "kind")
    pd.testing.assert_frame_equal(frame, before)
    numbers, _ = data.tree_features(np.array([0, 1]))
    names = [code.part for code in data.preprocessor.numbers]
    assert numbers[:, names.index("elapsed_seconds")].tolist() == [1575417600, 1575417600 + 86400]


def test_no_value_is_lost_in_a_column_that_turns_to_text_late():
    frame = pl.DataFrame(
        {"a": [str(i % 50) for i in range(5000)] + ["lots"] * 5, "b": ["x", "y"] * 2502 + ["x"]}
    )
    data = read_table(frame, "b")
    assert data.columns[0].kind == "category"
    assert data.frame["a"].to_list() == frame["a"].to_list()
    (finding,) = [f for f in data.findings() if f.code == "numbers_as_text"]
    assert "5 are not ('lots')" in finding.what
    data = read_table(frame, "b", columns={"a": "number"})
    assert data.columns[0].kind == "number"
    assert data.frame["a"].null_count() == 5


@pytest.mark.data
def test_adult_as_it_was_published(data_folder):
    data = read_table(data_folder / "adult" / "adult.data.gz", "Y")
    assert len(data.store) == 32561
    assert data.target.labels == ("<=50K", ">50K")
    assert [column.name for column in data.columns if column.kind == "number"] == [
        "age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week",
    ]  # fmt: skip
    assert "'?' counts as missing in workclass, occupation, native-country" in data.notes
    assert data.frame["workclass"].null_count() == 1836  # counted with grep
    assert data.bad_items == []
    both = read_table(data_folder / "adult", "Y", fixes=("labels",))
    assert len(both.splits["test"]) == 16281
    assert not [f for f in both.findings() if f.severity == "error"]
    first = read_table(data_folder / "adult", "Y").findings()[0]
    assert (first.code, first.severity) == ("label_variants", "error")
