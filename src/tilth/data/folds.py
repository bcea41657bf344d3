"""Rows dealt out into folds, so that every row is a test row once and its copies with it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from tilth.data.dataset import IntArray, Rows
from tilth.data.keys import Ids, content_keys
from tilth.data.split import split
from tilth.errors import UserError

VALID, CALIBRATE = 0.15, 0.05  # of each fold's training rows


def fold_rows(ids: Ids, strata: Sequence[Any] | None, folds: int, seed: int) -> list[IntArray]:
    """Return the rows of each fold: rows of one id together, dealt out class by class.

    The most repeated ids come first, equals in the order of their hashes, each to the fold that
    has the fewest rows of the class. Raises UserError for fewer different ids than folds.

    >>> [len(rows) for rows in fold_rows([f"row {i}" for i in range(10)], None, 3, 0)]
    [4, 3, 3]
    """
    keys, firsts, group_of, sizes = np.unique(
        content_keys(ids, seed), return_index=True, return_inverse=True, return_counts=True
    )
    if len(keys) < folds:
        raise UserError(
            f"folds={folds} for {len(ids)} rows, of which {len(keys)} differ",
            rule="copies of a row are in one fold, and each fold needs rows",
            fix=f"use at most {len(keys)} folds" if len(keys) > 1 else "",
        )
    names = np.zeros(len(ids), dtype=np.int64)
    if strata is not None:
        names = np.unique([str(value) for value in strata], return_inverse=True)[1]
    classes = names[firsts]  # copies may differ in class: the first row's counts
    fold_of = np.empty(len(keys), dtype=np.int64)
    totals = [0] * folds
    for name in np.unique(classes):
        groups = np.flatnonzero(classes == name)
        heap = [(0, total, fold) for fold, total in enumerate(totals)]
        heapq.heapify(heap)
        for group in groups[np.argsort(-sizes[groups], kind="stable")].tolist():
            count, total, fold = heap[0]
            fold_of[group], more = fold, int(sizes[group])
            heapq.heapreplace(heap, (count + more, total + more, fold))
        for _, total, fold in heap:
            totals[fold] = total
    return [np.flatnonzero(fold_of[group_of] == fold) for fold in range(folds)]


def fold_splits(data: Rows, folds: int, seed: int) -> list[dict[str, IntArray]]:
    """Return the splits of each fold; valid and calibrate are taken out of its training rows."""
    rows = np.sort(np.concatenate(list(data.splits.values())))
    ids = data.content_ids(rows)
    classes = data.targets[rows].tolist() if data.target.kind == "classes" else None
    found = []
    for test in fold_rows(ids, classes, folds, seed):
        kept = np.setdiff1d(np.arange(len(rows)), test)
        inner = split(
            ids[kept] if isinstance(ids, np.ndarray) else [ids[place] for place in kept],
            strata=None if classes is None else [classes[place] for place in kept],
            fractions=(1 - VALID - CALIBRATE, VALID + CALIBRATE, 0.0),
            seed=seed,
        )
        parts = {name: rows[kept[chosen]] for name, chosen in inner.items() if name != "test"}
        found.append({**parts, "test": rows[test]})
    return found
