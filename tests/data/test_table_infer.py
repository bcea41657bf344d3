"""What a column holds is inferred from every value, and no value is lost unsaid."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.data.table_infer import infer


def texts(*values):
    return pl.Series("x", list(values), dtype=pl.String)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6))
def test_whole_numbers_are_exact(values):
    parsed = infer(texts(*map(str, values)))
    assert parsed.values.dtype == pl.Int64
    assert parsed.values.to_list() == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_decimals_are_exact(values):
    parsed = infer(texts(*map(repr, values), "0.5"))
    assert parsed.values.to_list() == [*values, 0.5]


def test_numbers_with_missing_values_say_which_texts_were_missing():
    parsed = infer(texts("1", " 2 ", "?", "NA", "?", "-", "", None))
    assert parsed.values.to_list() == [1, 2, None, None, None, None, None, None]
    assert parsed.missing == {"?": 2, "": 1, "-": 1, "NA": 1}


def test_text_after_many_numbers_keeps_every_value():
    parsed = infer(texts(*map(str, range(50_000)), "n/k"))
    assert parsed.values.dtype == pl.String
    assert parsed.values.to_list() == [*map(str, range(50_000)), "n/k"]
    assert (parsed.nearly, parsed.num_misfits, parsed.misfits) == ("number", 1, {"n/k": 1})


@pytest.mark.parametrize(
    "values",
    [
        ["00501", "10001"],  # postal codes: a number would lose the zeros
        ["12345678901234567890", "1"],  # more digits than an integer holds
        ["1234567890123456.5", "99999999999999999999"],
        ["red", "green"],
        ["12:30", "13:45"],
        ["-", "red"],  # a dash is no missing value among words
        ["yes", "no", "maybe"],
        ["yes", "true"],  # one meaning twice
    ],
)
def test_texts_stay_as_they_are(values):
    parsed = infer(texts(*values))
    assert parsed.values.to_list() == values
    assert parsed.missing == {}


def test_booleans_by_their_words():
    assert infer(texts("Yes", "no", "NA", "yes")).values.to_list() == [True, False, None, True]
    assert infer(texts("T", "F")).values.to_list() == [True, False]


def test_dates_by_all_their_values():
    parsed = infer(texts("2024-01-31", "2023-02-01", "unknown", ""))
    assert parsed.values.to_list()[:2] == [dt.datetime(2024, 1, 31), dt.datetime(2023, 2, 1)]
    assert parsed.values.null_count() == 2
    assert (parsed.form, parsed.missing) == ("%Y-%m-%d", {"": 1, "unknown": 1})
    parsed = infer(texts(*(f"2024-01-{day}" for day in range(10, 20)), "2023-02-30"))
    assert parsed.values.dtype == pl.String
    assert (parsed.nearly, parsed.misfits) == ("date", {"2023-02-30": 1})
    assert infer(texts("01/02/2024")).ambiguous


def test_numbers_with_signs_are_named_but_not_guessed():
    parsed = infer(texts("$1,200", "$900", "$35"))
    assert parsed.values.to_list() == ["$1,200", "$900", "$35"]
    assert (parsed.nearly, parsed.num_misfits) == ("number", 0)


def test_columns_without_a_value():
    for column in (texts("", "NA", None), pl.Series([None, None]), pl.Series([np.nan, np.nan])):
        assert infer(column).values.dtype == pl.Null


def test_typed_columns():
    assert infer(pl.Series([1, 2], dtype=pl.UInt8)).values.dtype == pl.Int64
    parsed = infer(pl.Series([1.0, np.inf, np.nan, None]))
    assert parsed.values.to_list() == [1.0, None, None, None]
    assert parsed.missing == {"inf": 1}
    big = pl.Series([2**63, 1], dtype=pl.UInt64)
    assert infer(big).values.to_list() == [str(2**63), "1"]
    parsed = infer(pl.Series(["1", "2"], dtype=pl.Categorical))
    assert parsed.declared
    assert parsed.values.to_list() == ["1", "2"]
    assert infer(pl.Series([[1], [2]])).nested
    assert infer(pl.Series([dt.date(2024, 1, 1)])).values.dtype == pl.Datetime("us")
    assert infer(pl.Series([dt.timedelta(seconds=3)])).values.to_list() == [3.0]
