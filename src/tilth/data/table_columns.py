"""What each column of a table is to a model: number, category, boolean, date, or left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from tilth.data.coded_text import is_coded, plain
from tilth.data.dataset import IntArray
from tilth.data.dates import date_format, nearest_format
from tilth.data.decimal_comma import decimal_mark
from tilth.data.in_threads import in_threads
from tilth.data.table_infer import Parsed
from tilth.data.table_values import as_boolean, as_date, as_number, as_text, clean
from tilth.errors import UserError, choose
from tilth.wording import column_kind

Kind = Literal["number", "category", "boolean", "date", "drop"]
KINDS: tuple[Kind, ...] = ("number", "category", "boolean", "date", "drop")
FEWEST_PER_CATEGORY = 3
"""Training rows of a category, below which it is treated as unknown (and so teaches that id)."""
_FEWEST_IDS = 20  # rows, below which distinct values say nothing
_ID_NAME = re.compile(r"(^|[\s_.\-])(id|ids|uuid|guid|index|rowid|row_?num(ber)?)$|[a-z]I[dD]$")
_UNIQUE_TEXT = 0.95  # share of distinct values from which a text column names its rows
_VARIED_TEXT = 0.5  # the same for texts of several words
_WORDS = 4  # words per value, from which a varied column is written text


@dataclass(frozen=True)
class Column:
    """One column: its kind, and why, in words.

    form: how its dates are written; decimal: "." or ","; numeric: its categories are numbers
    doubt: code of the finding that the column deserves, "" for none
    """

    name: str
    kind: Kind
    why: str
    form: str = ""
    decimal: str = "."
    numeric: bool = False
    doubt: str = ""


def choose_columns(
    raw: pl.DataFrame,
    parsed: Mapping[str, Parsed],
    rows: IntArray,
    overrides: Mapping[str, str],
    reserved: Mapping[str, str],
) -> list[Column]:
    """Return what each column is; types by all rows, usefulness by the training ``rows``.

    overrides: column name -> "number", "category", "boolean", "date" (or "date:FORMAT") or
    "drop"; reserved: column name -> why it is no input (the target, the group)

    Raises UserError for an override of an unknown column or to an unknown kind, and where no
    column is left.
    """
    for name, kind in overrides.items():
        choose(name, raw.columns, "column")
        choose(kind.split(":")[0], KINDS, "column kind")

    def chosen(name: str) -> Column:
        if name in reserved:
            return Column(name, "drop", reserved[name])
        if name in overrides:
            return _declared(name, plain(raw[name]), parsed[name], overrides[name])
        return _inferred(name, parsed[name], parsed[name].values[rows])

    columns = in_threads(chosen, raw.columns, raw.height)
    if all(column.kind == "drop" for column in columns):
        nothing = ("constant_column", "empty_column")
        inputs = [c.name for c in columns if c.name not in reserved and c.doubt not in nothing]
        reasons = "; ".join(f"{column.name}: {column.why}" for column in columns)
        raise UserError(
            f"no column is left to learn from ({reasons})",
            fix=f"say what a column is, for example {column_kind(inputs[0], 'category')}"
            if inputs
            else "add columns that differ between rows",
        )
    return columns


def typed_values(column: Column, raw: pl.Series, parsed: Parsed) -> pl.Series:
    """Return the values of a column as its kind has them (untouched where it is left out)."""
    readers: dict[str, Callable[[pl.Series], pl.Series]] = {
        "number": lambda values: as_number(values, column.decimal),
        "category": lambda values: as_text(values, numeric=column.numeric),
        "boolean": as_boolean,
        "date": lambda values: as_date(values, column.form),
    }
    natural = {"number": "iuf", "boolean": "b", "date": "d", "category": "s"}
    if column.kind == "drop":
        return parsed.values
    if _letter(parsed.values) in natural[column.kind] and column.form == parsed.form:
        return parsed.values
    return readers[column.kind](raw)


def _letter(values: pl.Series) -> str:
    if values.dtype == pl.Boolean:
        return "b"
    if values.dtype.is_integer():
        return "i"
    if values.dtype.is_float():
        return "f"
    if values.dtype.is_temporal():
        return "d"
    return "s" if values.dtype == pl.String or is_coded(values) else "-"


def _declared(name: str, raw: pl.Series, parsed: Parsed, wanted: str) -> Column:
    kind = cast(Kind, wanted.split(":")[0])
    why = "as you said"
    if kind == "number":
        decimal = parsed.decimal if _letter(parsed.values) in "if" else decimal_mark(raw)
        unread = _unread(raw, as_number(raw, decimal))
        return Column(name, kind, why + unread, decimal=decimal)
    if kind == "date":
        form = wanted.partition(":")[2] or parsed.form or _form(name, raw)
        unread = _unread(raw, as_date(raw, form))
        return Column(name, kind, why + unread, form=form)
    if kind == "boolean":
        return Column(name, kind, why + _unread(raw, as_boolean(raw)))
    return Column(name, kind, why, numeric=_letter(parsed.values) in "if")


def _form(name: str, raw: pl.Series) -> str:
    texts = clean(raw.cast(pl.String)).drop_nulls().unique()
    found = date_format(texts)
    form = found[0] if found else nearest_format(texts)
    if form is None:
        examples = ", ".join(texts.sort().head(3))
        raise UserError(
            f"the dates of column {name!r} are in no known format ({examples})",
            fix=f"give it, for example {column_kind(name, 'date:%d/%m/%Y %H:%M')}",
        )
    return form


def _unread(raw: pl.Series, values: pl.Series) -> str:
    """Say how many values could not be read, with an example."""
    present = as_text(raw).is_not_null() if raw.dtype == pl.String else raw.is_not_null()
    lost = raw.filter(present & values.is_null())
    if len(lost) == 0:
        return ""
    return f"; {len(lost)} values cannot be read and count as missing, such as {lost[0]!r}"


def _inferred(name: str, parsed: Parsed, train: pl.Series) -> Column:
    if parsed.nested:
        return Column(name, "drop", "holds lists or other nested values", doubt="nested_column")
    values = train.drop_nulls()
    if len(values) == 0:
        return Column(name, "drop", "has no values at all", doubt="empty_column")
    letter = _letter(train)
    if values.min() == values.max():
        if len(values) == len(train):
            return Column(name, "drop", f"is always {values[0]}", doubt="constant_column")
        # as a number it would have no spread, yet its absence may tell something
        why = f"is {values[0]} or missing"
        return Column(name, "category", why, numeric=letter in "if")
    if parsed.declared:
        return Column(name, "category", "categories, as the frame says")
    if letter == "b":
        return Column(name, "boolean", "two values, true and false")
    if letter == "d":
        return _dates(name, parsed)
    if letter == "i":
        return _whole_numbers(name, values)
    if letter == "f":
        why = "numbers with a decimal comma" if parsed.decimal == "," else "numbers"
        return Column(name, "number", why, decimal=parsed.decimal)
    return _texts(name, parsed, values)


def _dates(name: str, parsed: Parsed) -> Column:
    why, doubt = f"dates written {parsed.form}", ""
    if parsed.ambiguous:
        why += ", where day and month could be the other way round"
        doubt = "ambiguous_dates"
    return Column(name, "date", why, form=parsed.form, doubt=doubt)


def _whole_numbers(name: str, values: pl.Series) -> Column:
    why = like_an_id(name, values)
    if why:
        return Column(name, "drop", why, doubt="id_column")
    low, high = cast(int, values.min()), cast(int, values.max())
    if (low, high) == (0, 1):
        return Column(name, "boolean", "two values, 0 and 1")
    return Column(name, "number", f"whole numbers from {low} to {high}")


def like_an_id(name: str, values: pl.Series) -> str:
    """Say why whole numbers without nulls seem to name their rows; "" where they do not.

    >>> like_an_id("day", pl.Series(range(40)))
    'every value differs, like a row number'
    """
    if len(values) < _FEWEST_IDS:
        return ""
    spread = cast(int, values.max()) - cast(int, values.min())
    if spread < len(values) - 1 or values.n_unique() < len(values):
        return ""
    if _ID_NAME.search(name):
        return "every value differs, like an id"
    return "every value differs, like a row number" if spread < 2 * len(values) else ""


def _texts(name: str, parsed: Parsed, values: pl.Series) -> Column:
    counts = values.value_counts()
    distinct, most = counts.to_series(0), cast(int, counts.to_series(1).max())
    why, doubt = f"{len(distinct)} categories", ""
    if parsed.nearly:
        why, doubt = _nearly(name, parsed), f"{parsed.nearly}s_as_text"
    if len(values) < _FEWEST_IDS:
        return Column(name, "category", why, doubt=doubt)
    words = float(cast(float, distinct.cast(pl.String).str.count_matches(r"\S+").mean()))
    share = len(distinct) / len(values)
    if share > _VARIED_TEXT and words >= _WORDS and not parsed.nearly:
        why = f"is written text ({words:.0f} words a row), not a category"
        return Column(name, "drop", why, doubt="text_column")
    if share >= _UNIQUE_TEXT or most < FEWEST_PER_CATEGORY:
        why = why if doubt else "nearly every text differs, like an id"
        return Column(name, "drop", why, doubt=doubt or "id_column")
    return Column(name, "category", why, doubt=doubt)


def _nearly(name: str, parsed: Parsed) -> str:
    """Say why a column of numbers or dates stayed text, and what would change that."""
    examples = ", ".join(repr(text) for text in parsed.misfits)
    fix = column_kind(name, parsed.nearly)
    if parsed.num_misfits == 0:
        return f"{parsed.nearly}s with signs around or in them ({examples}); {fix} reads them"
    return (
        f"texts: most are {parsed.nearly}s but {parsed.num_misfits} are not ({examples}); "
        f"{fix} counts those as missing"
    )


def describe_kinds(columns: Sequence[Column]) -> list[str]:
    """Return one note per kind with its columns, and one per column that is left out."""
    notes = []
    for kind in KINDS[:-1]:
        names = [column.name for column in columns if column.kind == kind]
        if names:
            notes.append(f"{kind}: {', '.join(names)}")
    notes += [f"left out {c.name}: {c.why}" for c in columns if c.kind == "drop"]
    return notes
