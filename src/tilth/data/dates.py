"""Dates from texts, and dates to numbers a model can use; the same for every time unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

DATE_PARTS = ("year", "month", "day", "weekday", "day_of_year", "hour", "elapsed_seconds")
_MOMENT = pl.Datetime("us")
# in order of preference where several fit: month first with slashes (as pandas reads them),
# day first with dots and hyphens
_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y",
    "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%y", "%d %b %y",
    "%a %d %b %Y", "%a, %d %b %Y", "%Y-%m",
)  # fmt: skip
_TIMES = (
    "", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p",
    "T%H:%M:%S%.f%#z", " %H:%M:%S%.f%#z", "T%H:%M:%S%.fZ", "T%H:%MZ", " %H:%M:%S%.fZ",
)  # fmt: skip
_AMBIGUOUS = (("%m/%d/", "%d/%m/"), ("%d-%m-", "%m-%d-"))
_LOOKS_LIKE = (
    r"^(\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T]\d.*)?"
    r"|([A-Za-z]{3},? )?\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{2,4}( \d.*)?"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4}( \d.*)?)$"
)
_SAMPLE = 50
_MOST = 0.5  # of the sample, for a format that does not read all
_FIRST_YEAR, _LAST_YEAR = 1000, 2999  # "24-01-02" is not a date of the year 24


def date_format(texts: pl.Series) -> tuple[str, bool] | None:
    """Return the format that reads every one of ``texts``, and whether another reads them too.

    None where no common format reads them all; ``texts`` (no nulls) are best made unique first.

    >>> date_format(pl.Series(["2024-02-29", "2023-12-01"]))
    ('%Y-%m-%d', False)
    >>> date_format(pl.Series(["03/04/2024"]))
    ('%m/%d/%Y', True)
    """
    sample = texts.head(_SAMPLE)
    if len(texts) == 0 or not sample.str.contains(_LOOKS_LIKE).all():
        return None
    found = next(_fitting(texts, sample, _formats()), None)
    if found is None:
        return None
    swapped = (found.replace(first, second) for first, second in _AMBIGUOUS if first in found)
    return found, next(_fitting(texts, sample, swapped), None) is not None


def nearest_format(texts: pl.Series) -> str | None:
    """Return the format that reads most of a sample of ``texts``, if one reads half of it."""
    sample = texts.sort().gather_every(max(1, len(texts) // _SAMPLE))
    if len(sample) == 0 or sample.str.contains(_LOOKS_LIKE).mean() < _MOST:  # type: ignore[operator]
        return None
    misfits = {form: parse_dates(sample, form).null_count() for form in _formats()}
    best = min(misfits, key=misfits.__getitem__)
    return best if misfits[best] <= (1 - _MOST) * len(sample) else None


def parse_dates(texts: pl.Series, form: str) -> pl.Series:
    """Return microsecond moments in UTC, null where a text does not have the format ``form``."""
    if form == "%Y-%m":  # a month begins on its first day
        texts, form = texts + "-01", "%Y-%m-%d"
    moments = texts.str.to_datetime(form, strict=False, time_unit="us")
    moments = without_zone(moments)
    good = moments.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR)
    return moments.set(~good.fill_null(True), None)


def without_zone(moments: pl.Series) -> pl.Series:
    """Return dates or date-times of any unit and zone as microseconds in UTC without a zone."""
    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments.cast(_MOMENT)


def date_parts(moments: pl.Series) -> dict[str, NDArray[np.float64]]:
    """Return [rows] numbers per part of a Date or Datetime column, nan where it is null.

    weekday is 0 on Monday; day_of_year is 1 on 1 January; hour has a fraction for minutes and
    seconds; elapsed_seconds counts from 1970-01-01 00:00 UTC. ``moments`` is not changed.

    >>> parts = date_parts(pl.Series(["2019-12-04"]).str.to_date())
    >>> [int(parts[name][0]) for name in DATE_PARTS]
    [2019, 12, 4, 2, 338, 0, 1575417600]
    """
    values = without_zone(moments)
    day = values.dt
    seconds_of_day = (
        day.hour().cast(pl.Float64) * 3600
        + day.minute().cast(pl.Float64) * 60
        + day.second().cast(pl.Float64)
    )
    columns = {
        "year": day.year(),
        "month": day.month(),
        "day": day.day(),
        "weekday": day.weekday().cast(pl.Int64) - 1,
        "day_of_year": day.ordinal_day(),
        "hour": seconds_of_day / 3600,
        "elapsed_seconds": values.to_physical().cast(pl.Float64) / 1e6,
    }
    return {name: column.cast(pl.Float64).to_numpy() for name, column in columns.items()}


def _formats() -> Iterator[str]:
    return (day + time for time in _TIMES for day in _DAYS)


def _fitting(texts: pl.Series, sample: pl.Series, forms: Iterator[str]) -> Iterator[str]:
    for form in forms:
        if not parse_dates(sample, form).has_nulls() and not parse_dates(texts, form).has_nulls():
            yield form
