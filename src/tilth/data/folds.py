"""Rows dealt out into folds, so that every row is a test row once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tilth.data.dataset import Data, IntArray
from tilth.data.split import split

VALID, CALIBRATE = 0.15, 0.05  # of each fold's training rows


def fold_rows(
    ids: Sequence[str], strata: Sequence[Any] | None, folds: int, seed: int
) -> list[IntArray]:
    """Return the rows of each fold: dealt out class by class in the order of hashed ids.

    >>> [len(rows) for rows in fold_rows([f"row {i}" for i in range(10)], None, 3, 0)]
    [4, 3, 3]
    """
    keys = [hashlib.sha256(f"{seed}/{name}".encode()).hexdigest() for name in ids]
    groups = [str(value) for value in strata] if strata is not None else [""] * len(ids)
    order = sorted(range(len(ids)), key=lambda row: (groups[row], keys[row]))
    return [np.array(sorted(order[fold::folds]), dtype=np.int64) for fold in range(folds)]


def fold_splits(data: Data, folds: int, seed: int) -> list[dict[str, IntArray]]:
    """Return the splits of each fold; valid and calibrate are taken out of its training rows."""
    rows = np.sort(np.concatenate(list(data.splits.values())))
    ids = data.item_ids(rows)
    classes = data.targets[rows].tolist() if data.target.kind == "classes" else None
    found = []
    for test in fold_rows(ids, classes, folds, seed):
        kept = np.setdiff1d(np.arange(len(rows)), test)
        inner = split(
            [ids[place] for place in kept],
            strata=None if classes is None else [classes[place] for place in kept],
            fractions=(1 - VALID - CALIBRATE, VALID + CALIBRATE, 0.0),
            seed=seed,
        )
        parts = {name: rows[kept[chosen]] for name, chosen in inner.items() if name != "test"}
        found.append({**parts, "test": rows[test]})
    return found
