"""Tables from files and frames: names, notes, refusals."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tilth.data.table_files import table_files
from tilth.data.table_frames import columns_of
from tilth.data.table_read import read_frame
from tilth.errors import UserError


def test_a_file_keeps_its_line_numbers_and_a_frame_its_row_numbers(tmp_path):
    path = tmp_path / "my täble 1.csv"
    path.write_text("a,b\n1,2\n\n3,4\n", encoding="utf-8")
    reading = read_frame(path)
    assert reading.frame.to_dict(as_series=False) == {"a": ["1", "3"], "b": ["2", "4"]}
    assert [reading.row_name(i) for i in range(2)] == ["line 2", "line 4"]
    assert read_frame(str(path)).name == "my täble 1.csv"
    assert read_frame(reading.frame).row_name(1) == "row 1"


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame({"n": [1, None], "t": ["x", "y"], "d": [dt.date(2024, 1, 1), None]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet").frame.equals(frame)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UserError, match="damaged Parquet"):
        read_frame(tmp_path / "bad.parquet")
    frame.head(0).write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(UserError, match="columns but no rows"):
        read_frame(tmp_path / "empty.parquet")


def test_names_that_repeat_or_are_empty_are_made_distinct_and_said(tmp_path):
    (tmp_path / "t.csv").write_text("x,x,,x.2,\n1,2,3,4,5\n")
    reading = read_frame(tmp_path / "t.csv")
    assert reading.frame.columns == ["x", "x.2", "unnamed", "x.2.2", "unnamed.2"]
    assert reading.frame.row(0) == ("1", "2", "3", "4", "5")
    assert reading.repeated == ["x", "x.2", "unnamed"]
    assert "column 'x' occurs more than once: the next is 'x.2'" in reading.notes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04...", "zip archive or an Excel workbook"),
        (b"\x89PNG...", "a picture"),
        (b"SQLite format 3\x00", "an SQLite database"),
    ],
)
def test_other_formats_are_named(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_frame(tmp_path / "t.csv")


def test_missing_files_and_folders_are_said_with_what_is_there(tmp_path):
    (tmp_path / "houses.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"no file .*house\.csv.*Choices: houses\.csv"):
        read_frame(tmp_path / "house.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_frame(tmp_path)


def test_more_bad_lines_than_allowed_stop_with_the_list(tmp_path):
    lines = ["a,b", *(f"{i},{i}" for i in range(98)), "1", "1,2,3"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(UserError) as caught:
        read_frame(tmp_path / "t.csv")
    message = str(caught.value)
    assert "2 of 100 rows of t.csv cannot be used" in message
    assert "1 field where the header has 2 (line 100)" in message
    assert "3 fields where the header has 2 (line 101)" in message
    assert "max_bad=0.03" in message
    reading = read_frame(tmp_path / "t.csv", max_bad=0.02)
    assert reading.frame.height == 98
    assert len(reading.bad) == 2


def test_a_pandas_frame_is_copied_exactly_whatever_its_types():
    stamps = pd.to_datetime(["2019-12-04", None, "2020-01-01"])
    frame = pd.DataFrame(
        {
            "int": [1, 2, 3],
            "Int": pd.array([1, None, 3], dtype="Int64"),
            "float": [1.5, np.nan, 2],
            "text": ["a", None, "b"],
            "mixed": [1, "a", None],
            "category": pd.Categorical(["x", "y", None]),
            "bool": [True, False, True],
            "Bool": pd.array([True, None, False], dtype="boolean"),
            "us": stamps.as_unit("us"),
            "s": stamps.as_unit("s"),
            "zone": pd.to_datetime(["2019-12-04 01:00+02:00", None, "2020-01-01 00:00+02:00"]),
            "duration": pd.to_timedelta([1, 2, None], unit="s"),
            "day": [dt.date(2020, 1, 1), None, dt.date(2020, 1, 2)],
            "period": pd.period_range("2020-01", periods=3, freq="M"),
            7: [1, 2, 3],
        },
        index=[5, 6, 7],
    )
    before = frame.copy(deep=True)
    table = read_frame(frame).frame
    pd.testing.assert_frame_equal(frame, before)
    assert table.columns == [str(name) for name in frame.columns]
    moment = dt.datetime(2019, 12, 4)
    assert table["int"].to_list() == [1, 2, 3]
    assert table["Int"].to_list() == [1, None, 3]
    assert table["float"].fill_nan(None).to_list() == [1.5, None, 2.0]
    assert table["text"].to_list() == ["a", None, "b"]
    assert table["mixed"].to_list() == ["1", "a", None]
    assert table["category"].dtype == pl.Categorical
    assert table["category"].cast(pl.String).to_list() == ["x", "y", None]
    assert table["Bool"].to_list() == [True, None, False]
    assert table["us"].to_list()[:2] == table["s"].to_list()[:2] == [moment, None]
    assert table["zone"].to_list()[0] == dt.datetime(2019, 12, 3, 23)
    assert table["duration"].to_list() == [dt.timedelta(seconds=1), dt.timedelta(seconds=2), None]
    assert table["day"].to_list() == [dt.date(2020, 1, 1), None, dt.date(2020, 1, 2)]
    assert table["period"].to_list() == ["2020-01", "2020-02", "2020-03"]


def test_dicts_lists_arrays_and_lazy_frames_are_tables():
    whole = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    for source in (
        {"a": np.array([1, 2]), "b": ["x", "y"]},
        {"a": torch.tensor([1, 2]), "b": pd.Series(["x", "y"])},
        {"a": pl.Series([1, 2]), "b": np.array(["x", "y"], dtype=object)},
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        whole.lazy(),
        whole,
    ):
        assert read_frame(source).frame.equals(whole)
    assert read_frame({"a": 1, "b": "x"}).frame.rows() == [(1, "x")]  # one row
    rows = [{"a": 1}, {"b": "y", "a": None}]
    assert read_frame(rows).frame.rows() == [(1, None), (None, "y")]
    assert columns_of({"a": [1, "x", None]})[0]["0"].to_list() == ["1", "x", None]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "cannot be made of int"),
        ([], "cannot be made of list"),
        ({"a": [1, 2], "b": [1]}, "different lengths"),
        ({"a": np.zeros((2, 2))}, "one dimension"),
        (pl.DataFrame({"a": []}), "no rows"),
    ],
)
def test_what_is_no_table_is_said(source, message):
    with pytest.raises(UserError, match=message):
        read_frame(source)


@pytest.mark.parametrize(
    ("files", "roles"),
    [
        (["train.csv", "test.csv"], {"train": "train.csv", "test": "test.csv"}),
        (
            ["adult.data.gz", "adult.test.gz", "adult.names"],
            {"train": "adult.data.gz", "test": "adult.test.gz"},
        ),
        (
            ["a_train.tsv", "a_val.tsv", "a_test.tsv", "notes.md"],
            {"train": "a_train.tsv", "valid": "a_val.tsv", "test": "a_test.tsv"},
        ),
        (["test_data.csv", "train_data.csv"], {"train": "train_data.csv", "test": "test_data.csv"}),
        (["anything.parquet", "x.png"], {"train": "anything.parquet"}),
        (["x.png", ".hidden.csv"], {}),
    ],
)
def test_the_tables_of_a_folder_by_role(tmp_path, files, roles):
    for name in files:
        (tmp_path / name).touch()
    assert {role: path.name for role, path in table_files(tmp_path).items()} == roles


def test_a_folder_whose_tables_are_in_doubt_is_refused(tmp_path):
    (tmp_path / "one.csv").touch()
    (tmp_path / "two.csv").touch()
    with pytest.raises(UserError, match=r"none named train.*one\.csv, two\.csv"):
        table_files(tmp_path)
    (tmp_path / "train.csv").touch()
    (tmp_path / "train.tsv").touch()
    with pytest.raises(UserError, match=r"2 tables that could be train.*train\.csv, train\.tsv"):
        table_files(tmp_path)
