"""A 64-bit hash of what each row of a table says, whatever its place and its columns' order.

Numbers and moments are hashed by their float64 or int64 bits, texts by BLAKE2b of their UTF-8
(once per distinct text); each column's hashes are mixed with its name and added. No hash of
another library is used: theirs change between versions, and splits hang on these.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.coded_text import by_code, categories, is_coded
from tilth.data.in_threads import blocks, in_threads
from tilth.data.keys import Keys, mix, text_key

_MISSING = np.uint64(0x6D697373696E6721)  # "missing!"


def row_hashes(columns: Mapping[str, pl.Series]) -> Keys:
    """Return [rows] hashes over all columns: the sums of the hashes of each column.

    >>> hashes = row_hashes({"a": pl.Series([1, 1, 1]), "b": pl.Series(["x", "y", "x"])})
    >>> bool(hashes[0] == hashes[1]), bool(hashes[0] == hashes[2])
    (False, True)
    """
    rows = len(next(iter(columns.values())))
    total = np.zeros(rows, dtype=np.uint64)

    def add(block: slice) -> None:
        for name, values in columns.items():
            total[block] += column_hashes(name, values[block])  # modulo 2^64

    in_threads(add, blocks(rows), rows)
    return total


def content_hashes(inputs: Keys, values: NDArray[np.generic]) -> Keys:
    """Return [rows] hashes of rows with their targets.

    inputs: [rows] hashes of the columns that a model sees; values: [rows] encoded targets
    """
    bits = (values.astype(np.float64) + 0.0).view(np.uint64)
    return inputs + bits * np.uint64(0x9E3779B97F4A7C15)  # the golden ratio, odd


def column_hashes(name: str, values: pl.Series) -> Keys:
    """Return [rows] hashes of one column's values, mixed with its name."""
    words = _words(values)
    words ^= np.uint64(text_key(name))
    return mix(words)


def _words(values: pl.Series) -> Keys:
    kind = values.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        # 1 and 1.0 are one value: whether a column is whole depends on its other rows
        numbers = values.cast(pl.Float64).fill_nan(None)
        bits = (numbers.fill_null(0.0).to_numpy() + 0.0).view(np.uint64)  # + 0.0: no minus zero
    elif kind.is_temporal():
        bits = values.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype(np.uint64)
    else:
        values = _hashed_texts(values)
        bits = values.fill_null(0).to_numpy()
    missing = values.is_null() | values.is_nan() if kind.is_float() else values.is_null()
    if missing.any():
        return np.where(missing.to_numpy(), _MISSING, bits)
    return bits.copy()


def _hashed_texts(values: pl.Series) -> pl.Series:
    if is_coded(values):
        return by_code(values, _keys(categories(values)))
    if not isinstance(values.dtype, (pl.String, pl.Categorical)):
        return pl.Series([None] * len(values), dtype=pl.UInt64)  # nested values are not compared
    distinct = values.drop_nulls().unique()
    if len(distinct) == 0:
        return values.cast(pl.Null).cast(pl.UInt64)
    return values.replace_strict(distinct, _keys(distinct), default=None, return_dtype=pl.UInt64)


def _keys(texts: pl.Series) -> pl.Series:
    return pl.Series([text_key(text) for text in texts], dtype=pl.UInt64)
