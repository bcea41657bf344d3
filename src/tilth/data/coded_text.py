"""Texts that repeat, as codes into the distinct ones: polars' Enum.

Counting, hashing, picking and encoding a coded column costs a tenth of what texts do. Inside
this room an Enum is a text column that was coded here; what a user's frame declares to be
categories is a Categorical.
"""

from __future__ import annotations

from typing import cast

import polars as pl

_SHARE = 0.25  # of the rows: more distinct texts than this are hardly worth a code


def text_type(distinct: pl.Series, rows: int) -> pl.DataType:
    """Return how to hold ``rows`` texts: as codes of the ``distinct`` ones where many repeat.

    >>> texts = pl.Series(["b", "a", None] * 4)
    >>> texts.cast(text_type(pl.Series(["a", "b"]), len(texts))).to_physical().to_list()[:3]
    [1, 0, None]
    """
    return pl.Enum(distinct) if len(distinct) <= _SHARE * rows else pl.String()


def plain(values: pl.Series) -> pl.Series:
    """Return a coded column as texts, and any other as it is."""
    return values.cast(pl.String) if is_coded(values) else values


def is_coded(values: pl.Series) -> bool:
    """Say whether the values are codes of this module."""
    return isinstance(values.dtype, pl.Enum)


def categories(values: pl.Series) -> pl.Series:
    """Return the distinct texts of a coded column, in the order of their codes."""
    return cast(pl.Enum, values.dtype).categories


def user_column(column: pl.Series) -> pl.Series:
    """Return a user's column as this room takes it: an Enum of theirs becomes a Categorical."""
    return column.cast(pl.Categorical) if is_coded(column) else column


def by_code(values: pl.Series, results: pl.Series) -> pl.Series:
    """Return for each row the result of its text; null where the value is missing.

    results: one for each of ``categories(values)``
    """
    return results.gather(values.to_physical().cast(pl.UInt32)).alias(values.name)
