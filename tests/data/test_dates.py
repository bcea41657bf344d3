"""Dates against Python's own datetime, in every unit."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.data.dates import DATE_PARTS, date_format, date_parts, parse_dates

MOMENTS = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(2262, 1, 1))


def by_hand(moment):
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "weekday": moment.weekday(),
        "day_of_year": moment.timetuple().tm_yday,
        "hour": (moment.replace(microsecond=0) - midnight).total_seconds() / 3600,
        "elapsed_seconds": (moment - dt.datetime(1970, 1, 1)) / dt.timedelta(seconds=1),
    }


@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_parts_are_those_of_the_standard_library(moments):
    parts = date_parts(pl.Series(moments, dtype=pl.Datetime("us")))
    assert tuple(parts) == DATE_PARTS
    for i, moment in enumerate(moments):
        for name, expected in by_hand(moment).items():
            assert parts[name][i] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_time_unit_does_not_matter_and_the_input_is_not_changed(unit):
    series = pl.Series([dt.datetime(2019, 12, 4), None], dtype=pl.Datetime(unit))
    before = series.clone()
    parts = date_parts(series)
    assert parts["elapsed_seconds"][0] == 1575417600
    assert all(np.isnan(values[1]) for values in parts.values())
    assert series.equals(before) and series.dtype == pl.Datetime(unit)


def test_a_time_zone_is_taken_to_utc():
    series = pl.Series([dt.datetime(2024, 1, 1)]).dt.replace_time_zone("Europe/Berlin")
    assert date_parts(series)["elapsed_seconds"][0] == 1704067200 - 3600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", dt.datetime(2024, 2, 29)),
        ("2024/02/29", dt.datetime(2024, 2, 29)),
        ("29.02.2024", dt.datetime(2024, 2, 29)),
        ("2/29/2024", dt.datetime(2024, 2, 29)),
        ("29/2/2024", dt.datetime(2024, 2, 29)),
        ("29-02-2024", dt.datetime(2024, 2, 29)),
        ("29 Feb 2024", dt.datetime(2024, 2, 29)),
        ("29-Feb-24", dt.datetime(2024, 2, 29)),
        ("Feb 29, 2024", dt.datetime(2024, 2, 29)),
        ("February 29, 2024", dt.datetime(2024, 2, 29)),
        ("29 February 2024", dt.datetime(2024, 2, 29)),
        ("2024-02", dt.datetime(2024, 2, 1)),
        ("2024-02-29 13:05", dt.datetime(2024, 2, 29, 13, 5)),
        ("2024-02-29T13:05:06", dt.datetime(2024, 2, 29, 13, 5, 6)),
        ("2024-02-29 13:05:06.250", dt.datetime(2024, 2, 29, 13, 5, 6, 250000)),
        ("2024-02-29T13:05:06Z", dt.datetime(2024, 2, 29, 13, 5, 6)),
        ("2024-02-29T13:05:06+02:00", dt.datetime(2024, 2, 29, 11, 5, 6)),
        ("2/29/2024 1:05 PM", dt.datetime(2024, 2, 29, 13, 5)),
    ],
)
def test_common_formats(text, expected):
    form, ambiguous = date_format(pl.Series([text]))
    assert parse_dates(pl.Series([text]), form).to_list() == [expected]
    assert not ambiguous


@pytest.mark.parametrize(
    "texts",
    [["hello"], ["12:30"], ["1.5"], ["24-13-45"], ["2024-02-30"], ["555-1234"], ["3-4"],
     ["2024-01-01", "01.02.2024"], ["192.168.1.1"], ["10-20-30-40"], []],
)  # fmt: skip
def test_what_is_no_date(texts):
    assert date_format(pl.Series(texts, dtype=pl.String)) is None


def test_day_or_month_first_is_decided_by_all_values_and_a_doubt_is_said():
    assert date_format(pl.Series(["01/02/2024", "13/02/2024"])) == ("%d/%m/%Y", False)
    assert date_format(pl.Series(["01/02/2024", "02/13/2024"])) == ("%m/%d/%Y", False)
    assert date_format(pl.Series(["01/02/2024", "02/03/2024"])) == ("%m/%d/%Y", True)
    assert date_format(pl.Series(["01-02-2024"])) == ("%d-%m-%Y", True)


def test_one_value_that_does_not_fit_becomes_null_and_not_another_date():
    texts = pl.Series(["2024-01-01", "2024-01-01 extra", "x"])
    assert parse_dates(texts, "%Y-%m-%d").to_list() == [dt.datetime(2024, 1, 1), None, None]
