"""Numbers written with a decimal comma: when a column of texts is read so without being told."""

from __future__ import annotations

import polars as pl

from tilth.data.table_values import as_number

_TRIED = 1000  # texts, before all of a column are read


def comma_numbers(texts: pl.Series) -> pl.Series | None:
    """Return Float64 if every text is a number with a decimal comma, and most can be no other.

    "1,234" may be a grouped thousand, "1.234" too, and "007,5" is a name: columns that are mostly
    so are left to the user. Nulls stay nulls.

    >>> comma_numbers(pl.Series(["0,37", "12"])).to_list()
    [0.37, 12.0]
    >>> comma_numbers(pl.Series(["1,234", "5,678"])) is None
    True
    """
    for tried in (texts.head(_TRIED), texts):
        numbers = as_number(tried, ",")
        if numbers.null_count() > tried.null_count():
            return None
    known = texts.drop_nulls()
    if known.str.contains(r"^[+-]?0\d").any() or known.str.contains(r"[^\d.,eE+-]").any():
        return None
    dotted, both = known.str.contains(".", literal=True), known.str.contains(r"\..*,")
    with_comma = known.filter(known.str.contains(",", literal=True))
    plainly = 2 * as_number(with_comma).null_count() > len(with_comma)
    return numbers if plainly and (both.any() or not dotted.any()) else None


def decimal_mark(column: pl.Series) -> str:
    """Return the decimal mark, "." or ",", that reads more values of a column of texts.

    >>> decimal_mark(pl.Series(["1,5", "2,25"])), decimal_mark(pl.Series(["1,500", "2.25"]))
    (',', '.')
    """
    if column.dtype != pl.String:
        return "."
    if not as_number(column.head(_TRIED), ",").count():
        return "."
    distinct = column.drop_nulls().unique()
    point, comma = (as_number(distinct, mark).null_count() for mark in ".,")
    return "," if comma < point else "."
