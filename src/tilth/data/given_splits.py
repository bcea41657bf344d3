"""Splits that a caller gives as row numbers, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tilth.data.dataset import SPLITS, IntArray
from tilth.errors import UserError, choose


def given_splits(splits: Mapping[str, Any] | None, count: int) -> dict[str, IntArray]:
    """Return the rows of each split given, out of ``count`` rows; nothing where none are.

    Raises UserError for unknown names, a train that is missing or empty, rows that are no row
    numbers or out of range, and rows in two splits.

    >>> given_splits({"train": range(3), "test": [4]}, 5)["test"]
    array([4])
    """
    if not splits:
        return {}
    for name in splits:
        choose(name, SPLITS, "split")
    given = {name: _rows(name, rows, count) for name, rows in splits.items()}
    if not len(given.get("train", ())):
        raise UserError(
            f"no training rows among the splits {sorted(given)}",
            rule="a model learns from train; valid and test can be taken out of it",
            fix="add train with its row numbers",
        )
    everything = np.concatenate(list(given.values()))
    outside = everything[(everything < 0) | (everything >= count)]
    if len(outside):
        raise UserError(f"splits name row {outside[0]}", rule=f"rows are 0 to {count - 1}")
    rows, times = np.unique(everything, return_counts=True)
    if len(rows) < len(everything):
        twice = rows[times > 1]
        raise UserError(
            f"a row is in more than one split, or twice in one: {len(twice)} such, first row "
            f"{twice[0]}",
            rule="splits do not share rows",
        )
    return given


def _rows(name: str, rows: Any, count: int) -> IntArray:
    array = np.asarray(rows)
    if array.dtype.kind == "b" and array.shape == (count,):
        raise UserError(
            f"the split {name!r} is a mask of truth values",
            rule="a split is a list of row numbers",
            fix="give numpy.flatnonzero(mask)",
        )
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise UserError(
            f"the split {name!r} is of shape {array.shape} and type {array.dtype}",
            rule="a split is a list of row numbers",
        )
    return array.astype(np.int64)
