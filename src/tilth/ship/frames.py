"""Polars and pandas frames, told apart without importing either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Library = Literal["polars", "pandas"]


def library(value: Any) -> Library | None:
    """Return which library's frame ``value`` is, None for anything else.

    >>> library([1, 2]) is None
    True
    """
    kind = type(value)
    if kind.__name__ != "DataFrame":
        return None
    module = kind.__module__.partition(".")[0]
    return module if module in ("polars", "pandas") else None  # type: ignore[return-value]


def pieces(frame: Any, rows: int) -> Iterator[Any]:
    """Yield the frame in pieces of ``rows`` rows; one empty piece for a frame without rows."""
    for start in range(0, max(1, len(frame)), rows):
        if library(frame) == "pandas":
            yield frame.iloc[start : start + rows]
        else:
            yield frame.slice(start, rows)


def alike(frame: Any, columns: Mapping[str, NDArray[Any]]) -> Any:
    """Return ``columns`` as a frame of the same library; a pandas index is kept.

    >>> import polars as pl
    >>> alike(pl.DataFrame({"x": [1, 2]}), {"prediction": np.array([0.5, 1.5])}).columns
    ['prediction']
    """
    texts = [name for name, values in columns.items() if values.dtype.kind in "OU"]
    if library(frame) == "pandas":
        # said, because a column without rows does not show that it holds text
        made = type(frame)(dict(columns), index=frame.index)
        return made.astype(dict.fromkeys(texts, "str"))
    import polars as pl

    return pl.DataFrame(
        {
            name: pl.Series(values.tolist(), dtype=pl.String)
            if name in texts
            else np.ascontiguousarray(values)
            for name, values in columns.items()
        }
    )
