"""Values read as numbers, booleans, dates and categories."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.data.table_values import MISSING, as_boolean, as_date, as_number, as_text, clean


@given(st.lists(st.floats(-1e149, 1e149) | st.none(), max_size=8))
def test_numbers_survive_being_written_to_a_file(values):
    texts = pl.Series([None if value is None else repr(value) for value in values], dtype=pl.String)
    assert as_number(texts).to_list() == values


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12", ".", 12.0), (" 1.5 ", ".", 1.5), ("-1e3", ".", -1000.0), ("+4", ".", 4.0),
        ("$1,234.50", ".", 1234.5), ("12 %", ".", 12.0), ("\u20ac 3", ".", 3.0),
        ("1,234,567", ".", 1234567.0), ("1 234.5", ".", 1234.5), ("1'234", ".", 1234.0),
        ("3,14", ".", None), ("1,23,456", ".", None), ("12-3", ".", None), ("abc", ".", None),
        ("inf", ".", None), ("nan", ".", None), ("?", ".", None), ("", ".", None),
        ("3,14", ",", 3.14), ("1.234,5", ",", 1234.5), ("1.234", ",", 1234.0), ("7", ",", 7.0),
        ("1.2.3", ",", None), ("12,3,4", ",", None),
    ],
)  # fmt: skip
def test_how_numbers_are_written(text, decimal, number):
    assert as_number(pl.Series([text]), decimal).to_list() == [number]


def test_other_types_as_numbers():
    day = pl.Series([dt.date(1970, 1, 2), None])
    assert as_number(day).to_list() == [86400.0, None]
    assert as_number(pl.Series([dt.timedelta(minutes=1)])).to_list() == [60.0]
    assert as_number(pl.Series([dt.time(1, 0)])).to_list() == [3600.0]
    assert as_number(pl.Series([True, None])).to_list() == [1.0, None]
    assert as_number(pl.Series([1.5, np.inf, np.nan, -1e151])).to_list() == [1.5, None, None, None]
    assert as_number(pl.Series([[1], [2]])).to_list() == [None, None]


def test_booleans():
    texts = pl.Series(["yes", "No", "TRUE", "f", "1", "0", "maybe", "NA", None])
    expected = [True, False, True, False, True, False, None, None, None]
    assert as_boolean(texts).to_list() == expected
    assert as_boolean(pl.Series([1, 0, 2, None])).to_list() == [True, False, None, None]
    assert as_boolean(pl.Series([1.0, 0.0, np.nan])).to_list() == [True, False, None]


def test_dates():
    moment = dt.datetime(2024, 2, 29)
    assert as_date(pl.Series(["29/02/2024", "x", "NA"]), "%d/%m/%Y").to_list() == [
        moment, None, None,
    ]  # fmt: skip
    assert as_date(pl.Series([dt.date(2024, 2, 29)]), "%d/%m/%Y").to_list() == [moment]


def test_a_category_has_one_text_whatever_type_it_comes_in():
    for values in (["7", " 7 "], [7, 7], [7.0, 7.0]):
        assert as_text(pl.Series(values)).to_list() == ["7", "7"]
    assert as_text(pl.Series(["07", "7.0"])).to_list() == ["07", "7.0"]
    assert as_text(pl.Series(["7.0", "7", "x"]), numeric=True).to_list() == ["7", "7", "x"]
    assert as_text(pl.Series([True, None])).to_list() == ["true", None]
    assert as_text(pl.Series(["a", "b"], dtype=pl.Categorical)).to_list() == ["a", "b"]
    assert as_text(pl.Series([0.1, 2.0, float("nan"), 1234567.5])).to_list() == [
        "0.1", "2", None, "1234567.5",
    ]  # fmt: skip


@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=1, max_size=5))
def test_whole_numbers_are_the_same_category_as_floats(values):
    whole = as_text(pl.Series(values, dtype=pl.Int64)).to_list()
    assert as_text(pl.Series(values, dtype=pl.Float64, strict=False)).to_list() == whole


def test_texts_for_no_value_become_null_and_words_stay():
    assert clean(pl.Series(list(MISSING))).null_count() == len(MISSING)
    kept = ["None", "Na", "unknown", "-", "0", "nano"]
    assert clean(pl.Series(kept)).to_list() == kept
