"""What the values of a column mean as numbers, booleans, dates or categories, given its kind.

The same functions read the training table and what a trained model is asked about, whether it
comes as texts (a file) or as typed columns (a frame). What cannot be read becomes null, which
the callers count and say.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tilth.data.coded_text import by_code, categories, is_coded
from tilth.data.dates import parse_dates, without_zone

MISSING = (
    "", "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "-nan", "-NaN", "null", "NULL", "Null",
    "?", "<NA>", "#N/A", "#NA", "#N/A N/A", "NaT", "#DIV/0!", "#VALUE!", "#NULL!",
)  # fmt: skip
"""Texts that mean 'no value' in any column."""
MISSING_AMONG_NUMBERS = (
    "-", "--", "---", ".", "..", "*", "none", "missing", "unknown", "unk", "n.a.", "tbd",
    "inf", "-inf", "+inf", "infinity", "-infinity", "not available", "#ref!", "#name?",
)  # fmt: skip
"""Texts (lower case) that mean 'no value' among numbers or dates, but may be categories."""
TRUE, FALSE = (
    ("true", "t", "yes", "y", "1", "1.0", "on"),
    ("false", "f", "no", "n", "0", "0.0", "off"),
)
NESTED = (pl.List, pl.Array, pl.Struct, pl.Object, pl.Binary)
"""Types whose values are no single thing."""
_LARGEST = 1e150
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9%]"
_GROUPED = r"^[+-]?[1-9]\d{0,2}([,\u00a0 '_]\d{3})+(\.\d*)?$"
_GROUPED_COMMA = (
    r"^[+-]?[1-9]\d{0,2}([.\u00a0 '_]\d{3})+(,\d*)?$|^[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?$"
)


def clean(column: pl.Series) -> pl.Series:
    """Return texts without spaces around them, null where they mean 'no value' anywhere."""
    texts = column.str.strip_chars()
    return texts.set(texts.is_in(MISSING).fill_null(False), None)


def as_number(column: pl.Series, decimal: str = ".") -> pl.Series:
    """Return Float64, null where the value is missing, infinite (or beyond 1e150) or no number.

    Texts may carry a currency or percent sign (12 % is 12) and grouped thousands;
    ``decimal`` is "." or "," (then 1.234,5 is 1234.5).

    >>> as_number(pl.Series(["1", " 2.5", "$1,200", "x"])).to_list()
    [1.0, 2.5, 1200.0, None]
    """
    if isinstance(column.dtype, (pl.Date, pl.Datetime)):
        numbers = without_zone(column).to_physical().cast(pl.Float64) / 1e6
    elif isinstance(column.dtype, (pl.Duration, pl.Time)):
        numbers = _seconds(column)
    elif _is_text(column):
        texts = column.cast(pl.String)
        numbers = texts.cast(pl.Float64, strict=False)
        if decimal != "." or numbers.null_count() > texts.null_count():
            numbers = by_value(texts, lambda values: _loose_numbers(values, decimal))
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        numbers = column.cast(pl.Float64)
    else:
        numbers = pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    # nan compares as larger than any number; larger ones than this cannot be squared and summed
    sound = (numbers.abs() < _LARGEST).fill_null(True)
    return numbers if sound.all() else numbers.set(~sound, None)


def as_boolean(column: pl.Series) -> pl.Series:
    """Return Boolean, null where the value is missing or neither true nor false.

    >>> as_boolean(pl.Series(["Yes", "n", "maybe"])).to_list()
    [True, False, None]
    """
    if column.dtype == pl.Boolean:
        return column
    if column.dtype.is_numeric():
        known = ((column == 0) | (column == 1)).fill_null(False)
        return (column == 1).set(~known, None)
    return by_value(as_text(column), _words_to_boolean)


def as_date(column: pl.Series, form: str) -> pl.Series:
    """Return microsecond moments, null where the value is missing or not in the format ``form``."""
    if isinstance(column.dtype, (pl.Date, pl.Datetime)):
        return without_zone(column)
    return by_value(as_text(column), lambda texts: parse_dates(texts, form))


def as_text(column: pl.Series, *, numeric: bool = False) -> pl.Series:
    """Return texts, null where missing; a value has one text whatever type it came in.

    Whole floats lose their ".0" (a column of whole numbers becomes floats where one is missing).
    With ``numeric``, texts that are numbers are written alike too ("01.50" as "1.5").

    >>> as_text(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    if column.dtype.is_float() or isinstance(column.dtype, pl.Decimal):
        return _number_text(column.cast(pl.Float64))
    if isinstance(column.dtype, NESTED):
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    if isinstance(column.dtype, pl.Duration):
        return _number_text(_seconds(column))
    if not _is_text(column):
        return column.cast(pl.String)
    texts = clean(column.cast(pl.String))
    if numeric:
        texts = by_value(texts, _numbers_alike)
    return texts


def by_value(texts: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return ``function`` of the texts, called once on the distinct ones (nulls stay null)."""
    if is_coded(texts):
        return by_code(texts, function(categories(texts)))
    distinct = texts.drop_nulls().unique()
    results = function(distinct)
    if len(distinct) == 0:
        return pl.Series(texts.name, [None] * len(texts), dtype=results.dtype)
    return texts.replace_strict(distinct, results, default=None, return_dtype=results.dtype)


def _is_text(column: pl.Series) -> bool:
    return isinstance(column.dtype, (pl.String, pl.Categorical, pl.Enum))


def _seconds(column: pl.Series) -> pl.Series:
    """Return a duration or a time of day in seconds."""
    unit = {"ms": 1e3, "us": 1e6, "ns": 1e9}[getattr(column.dtype, "time_unit", "ns")]
    return column.to_physical().cast(pl.Float64) / unit


def _loose_numbers(texts: pl.Series, decimal: str) -> pl.Series:
    plain = texts.str.strip_chars().str.replace_all(_CURRENCY, "").str.strip_chars()
    if decimal == ",":
        grouped = plain.str.contains(_GROUPED_COMMA)
        ungrouped = plain.str.replace_all(r"[.\u00a0 '_]", "").str.replace(",", ".", literal=True)
        numbers = ungrouped.cast(pl.Float64, strict=False)
        return numbers.set(~grouped, None)
    grouped = plain.str.contains(_GROUPED)
    ungrouped = plain.str.replace_all(r"[,\u00a0 '_]", "")
    return plain.zip_with(~grouped, ungrouped).cast(pl.Float64, strict=False)


def _words_to_boolean(texts: pl.Series) -> pl.Series:
    words = texts.str.to_lowercase()
    known = words.is_in(TRUE + FALSE)
    return words.is_in(TRUE).set(~known, None)


def _number_text(numbers: pl.Series) -> pl.Series:
    numbers = numbers.fill_nan(None)
    # beyond 2^53 a float is whole whatever was meant; its own text is as good
    whole = (numbers == numbers.floor()) & (numbers.abs() < 2.0**53)
    texts = numbers.cast(pl.Int64, strict=False).cast(pl.String)
    return texts.zip_with(whole.fill_null(False), numbers.cast(pl.String))


def _numbers_alike(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    return _number_text(numbers).zip_with(numbers.is_finite().fill_null(False), texts)
