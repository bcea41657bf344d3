"""From frames and columns in memory to polars: pandas is recognised, never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tilth.data.coded_text import text_type, user_column
from tilth.errors import UserError


def columns_of(source: Any) -> tuple[pl.DataFrame, list[str]]:
    """Return the columns of ``source`` named "0", "1", ..., and the names they have there.

    source: a polars or pandas frame (its index is left out), anything with the Arrow stream
    interface, a dict of columns, a dict that is one row, or a list of such rows. It is not
    changed. Raises UserError for anything else.

    >>> columns_of({"a": [1, 2], "b": ["x", None]})[1]
    ['a', 'b']
    """
    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    if _of_pandas(source) and hasattr(source, "columns"):
        names = [str(name) for name in source.columns]
        columns = [_from_pandas(str(i), source.iloc[:, i]) for i in range(source.shape[1])]
        return pl.DataFrame(columns), names
    if isinstance(source, Mapping):
        rows = not any(_is_column(value) for value in source.values())
        return columns_of([source]) if rows else _numbered(source)
    if isinstance(source, Sequence) and source and isinstance(source[0], Mapping):
        keys = dict.fromkeys(key for row in source for key in row)
        return _numbered({key: [row.get(key) for row in source] for key in keys})
    if not isinstance(source, pl.DataFrame) and hasattr(source, "__arrow_c_stream__"):
        source = pl.DataFrame(source)
    if not isinstance(source, pl.DataFrame):
        raise UserError(
            f"a table cannot be made of {type(source).__name__}",
            choices=["a path", "a polars or pandas frame", "a dict of columns", "a list of dicts"],
        )
    names = source.columns
    columns = [user_column(column).alias(str(i)) for i, column in enumerate(source)]
    return pl.DataFrame(columns), names


def _of_pandas(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "pandas"


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _numbered(columns: Mapping[Any, Any]) -> tuple[pl.DataFrame, list[str]]:
    series = [_series(str(i), values) for i, values in enumerate(columns.values())]
    lengths = {str(name): len(column) for name, column in zip(columns, series, strict=True)}
    if len(set(lengths.values())) > 1:
        raise UserError(f"columns of different lengths: {lengths}")
    return pl.DataFrame(series), [str(name) for name in columns]


def _series(name: str, values: Any) -> pl.Series:
    """Return a column; values of several types become texts, so that none is lost."""
    if _of_pandas(values):
        return _from_pandas(name, values)
    if isinstance(values, pl.Series):
        return user_column(values).alias(name)
    if hasattr(values, "__array__"):
        values = np.asarray(values)
        if values.ndim != 1:
            raise UserError(f"a column of shape {values.shape}", rule="a column has one dimension")
        values = values.tolist() if values.dtype.kind == "O" else values
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        series = None
    if series is None or series.dtype == pl.Object:
        texts = [None if value is None or value != value else str(value) for value in values]
        return pl.Series(name, texts, dtype=pl.String)
    return series


def _from_pandas(name: str, column: Any) -> pl.Series:
    """Copy a pandas column whatever its dtype, without pyarrow (which is not required)."""
    dtype = column.dtype
    if str(dtype) == "category":
        texts = column.astype(object).to_numpy(dtype=object, na_value=None).tolist()
        return _texts(name, texts).cast(pl.Categorical)
    if getattr(dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        dtype = column.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "mM":
        unit = "datetime64[us]" if kind == "M" else "timedelta64[us]"
        return pl.Series(name, column.to_numpy().astype(unit))
    if kind == "f" or (kind in "biu" and not column.isna().any()):
        return pl.Series(name, column.to_numpy())
    if type(dtype).__name__ == "StringDtype":
        return _of_strings(name, *column.factorize())
    return _series(name, column.astype(object).to_numpy(dtype=object, na_value=None).tolist())


def _of_strings(name: str, codes: Any, distinct: Any) -> pl.Series:
    """Return the texts that ``codes`` (-1: missing) point to, none of them copied per row."""
    texts = pl.Series(distinct.tolist(), dtype=pl.String)
    places = pl.Series(name, codes)
    places = places.set(places < 0, None).cast(pl.UInt32)
    return texts.cast(text_type(texts, len(codes))).gather(places).alias(name)


def _texts(name: str, values: Sequence[Any]) -> pl.Series:
    texts = [None if value is None else str(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)
