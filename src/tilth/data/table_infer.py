"""What a column holds, inferred from every one of its values, never from the first few.

A column is a number, boolean or date column only if all its values are (missing ones apart);
one that nearly is stays text, and the values that stood in the way are kept to be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from tilth.data.coded_text import by_code, categories, is_coded, text_type
from tilth.data.dates import date_format, nearest_format, parse_dates, without_zone
from tilth.data.decimal_comma import comma_numbers, decimal_mark
from tilth.data.table_values import (
    FALSE,
    MISSING,
    MISSING_AMONG_NUMBERS,
    NESTED,
    TRUE,
    as_number,
    as_text,
)

_NEARLY = 0.5  # of the values: more than this are numbers or dates, yet not all
_NAMED = 5  # misfits kept as examples
_TRIED = 1000  # values, before a whole column is read as numbers
_EXACT_DIGITS = 15  # a float64 keeps this many decimal digits of any number


@dataclass(frozen=True)
class Parsed:
    """A column with its values understood.

    values: Int64, Float64, Boolean, Datetime("us") or String, null where missing; dtype Null
        where every value is missing
    missing: texts that were read as missing, and how often
    nearly: "number" or "date" where that is what more than half of the values are; the others
        made the column stay text: ``num_misfits`` of them, the commonest in ``misfits``
        (with none, the numbers have signs or separators in them: examples in ``misfits``)
    form: the format of the dates; ambiguous: another reads them too
    decimal: the decimal mark of numbers that were texts
    declared: the frame itself says that these are categories; nested: lists and the like
    """

    values: pl.Series
    missing: Mapping[str, int] = field(default_factory=dict)
    nearly: str = ""
    num_misfits: int = 0
    misfits: Mapping[str, int] = field(default_factory=dict)
    form: str = ""
    ambiguous: bool = False
    decimal: str = "."
    declared: bool = False
    nested: bool = False


def infer(column: pl.Series, *, commas: bool = False) -> Parsed:
    """Return the column with its values understood; commas: they may be decimal ones.

    >>> infer(pl.Series(["1", "2", "?"])).values.to_list()
    [1, 2, None]
    >>> infer(pl.Series(["1", "2", "3", "many"])).misfits
    {'many': 1}
    """
    kind = column.dtype
    if kind == pl.String or is_coded(column):
        return _infer_text(column, commas)
    if isinstance(kind, pl.Categorical):
        return Parsed(_or_null(as_text(column)), declared=True)
    if isinstance(kind, NESTED):
        return Parsed(column, nested=True)
    if isinstance(kind, (pl.Date, pl.Datetime)):
        return Parsed(_or_null(without_zone(column)), form="%Y-%m-%d")
    if kind == pl.Boolean:
        return Parsed(_or_null(column))
    if kind.is_integer():
        whole = column.cast(pl.Int64, strict=False)
        exact = whole.null_count() == column.null_count()
        return Parsed(_or_null(whole if exact else column.cast(pl.String)))
    numbers = as_number(column)
    lost = numbers.null_count() - column.fill_nan(None).null_count() if kind.is_float() else 0
    return Parsed(_or_null(numbers), {"inf": lost} if lost else {})


def _or_null(values: pl.Series) -> pl.Series:
    return values.cast(pl.Null) if values.null_count() == len(values) else values


def _infer_text(column: pl.Series, commas: bool) -> Parsed:
    quick = None if is_coded(column) else _plain_numbers(column)
    if quick is not None:
        return Parsed(quick)
    counts = column.drop_nulls().value_counts()
    raw, count = counts.to_series(0), counts.to_series(1)
    texts = raw.cast(pl.String).str.strip_chars()
    hard = texts.is_in(MISSING)
    soft = texts.str.to_lowercase().is_in(MISSING_AMONG_NUMBERS)
    missing = _tally(texts.filter(hard), count.filter(hard))
    if hard.all():
        return Parsed(pl.Series(column.name, [None] * len(column), dtype=pl.Null), missing)
    exact = _exact(texts.set(hard | soft, None), commas)
    if exact is not None:
        missing |= _tally(texts.filter(soft), count.filter(soft))
        return replace(exact, values=_back(column, raw, exact.values), missing=missing)
    known = texts.set(hard, None)
    words = known.str.to_lowercase()
    if words.drop_nulls().n_unique() == 2 and words.drop_nulls().is_in(TRUE + FALSE).all():
        truth = words.is_in(TRUE).set(words.is_null(), None)
        if truth.n_unique() - truth.has_nulls() == 2:
            return Parsed(_back(column, raw, truth), missing)
    return _nearly(Parsed(_back(column, raw, known), missing), texts.set(hard, None), count)


def _exact(texts: pl.Series, commas: bool) -> Parsed | None:
    """Return numbers or dates if every text is one."""
    numbers = _numbers(texts)
    if numbers is not None:
        return Parsed(numbers)
    if texts.null_count() == len(texts):
        return None
    numbers = comma_numbers(texts) if commas else None
    if numbers is not None:
        return Parsed(numbers, decimal=",")
    dates = date_format(texts.drop_nulls())
    if dates is None:
        return None
    return Parsed(parse_dates(texts, dates[0]), form=dates[0], ambiguous=dates[1])


def _plain_numbers(column: pl.Series) -> pl.Series | None:
    """Return the column as numbers if each text is one as it stands (the common, fast case)."""
    numbers = _numbers(column)
    return None if numbers is None or numbers.null_count() == len(numbers) else numbers


def _numbers(texts: pl.Series) -> pl.Series | None:
    """Return Int64 or Float64 if every text is a finite number that the type holds exactly.

    Leading zeros (postal codes) and more digits than a float keeps (card numbers) mean that the
    texts are names.
    """
    if len(texts) == texts.null_count():
        return None
    whole = _all_cast(texts, pl.Int64)
    if whole is not None:
        return None if _led_by_zero(texts) else whole
    numbers = _all_cast(texts, pl.Float64)
    if numbers is None or not numbers.is_finite().fill_null(True).all() or _led_by_zero(texts):
        return None
    longer = texts.filter(texts.str.len_bytes() > _EXACT_DIGITS)
    return None if longer.str.contains(r"^[+-]?\d+$").any() else numbers


def _all_cast(texts: pl.Series, kind: type[pl.Int64] | type[pl.Float64]) -> pl.Series | None:
    """Return the texts as ``kind`` if each is one; a few are tried before all."""
    for tried in (texts.head(_TRIED), texts):
        numbers = tried.cast(kind, strict=False)
        if numbers.null_count() > tried.null_count():
            return None
    return numbers


def _led_by_zero(texts: pl.Series) -> bool:
    return bool(texts.str.contains(r"^[+-]?0\d").any())


def _nearly(parsed: Parsed, texts: pl.Series, count: pl.Series) -> Parsed:
    """Add what most values are, if they are numbers or dates, and which are not."""
    known, count = texts.drop_nulls(), count.filter(texts.is_not_null())
    readings = {"number": as_number(known, decimal_mark(known))}
    form = nearest_format(known)
    if form is not None:
        readings["date"] = parse_dates(known, form)
    for kind, values in readings.items():
        misfit = values.is_null()
        total = int(count.filter(misfit).sum())
        if total < (1 - _NEARLY) * int(count.sum()):
            shown = misfit if total else values.is_not_null()
            misfits = _tally(known.filter(shown), count.filter(shown))
            return replace(
                parsed,
                nearly=kind,
                num_misfits=total,
                misfits=dict(list(misfits.items())[:_NAMED]),
            )
    return parsed


def _tally(texts: pl.Series, count: pl.Series) -> dict[str, int]:
    """Return how often each text occurs, commonest first."""
    pairs = pl.DataFrame({"text": texts, "count": count}).group_by("text").sum()
    return dict(pairs.sort(["count", "text"], descending=[True, False]).iter_rows())


def _back(column: pl.Series, raw: pl.Series, values: pl.Series) -> pl.Series:
    """Return the value of each row from the values of the distinct texts."""
    if values.dtype == pl.String:
        kind = text_type(values.drop_nulls().unique().sort(), len(column))
        if values.equals(raw):
            return column.cast(kind)
        values = values.cast(kind)
    if is_coded(column):
        results = categories(column).replace_strict(
            raw.cast(pl.String), values, default=None, return_dtype=values.dtype
        )
        return by_code(column, results)
    return column.replace_strict(raw, values, default=None, return_dtype=values.dtype)
