"""k-fold cross-validation: every row is a test row once, for data too small for one test set."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.dataset import Data, IntArray
from tilth.data.split import split
from tilth.errors import UserError
from tilth.flow.sources import read
from tilth.flow.train import Job, spread, train

VALID, CALIBRATE = 0.15, 0.05  # of each fold's training rows


def fold_rows(ids: list[str], strata: list[Any] | None, folds: int, seed: int) -> list[IntArray]:
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


def cross_validate(job: Job, folds: int) -> dict[str, Any]:
    """Train once per fold; return mean and spread of every metric over the folds.

    Runs are put beside each other as <run>-fold<k>. Raises UserError for fewer than two folds or
    more folds than rows.
    """
    for name in ("group", "time"):
        if getattr(job.settings.data, name):
            raise UserError(
                f"--folds with --{name}",
                rule="folds are dealt out row by row, so rows that belong together would be parted",
                fix=f"leave --folds out: one split respects --{name}",
            )
    data = read(job.settings.data)
    count = sum(len(rows) for rows in data.splits.values())
    if not 2 <= folds <= count:
        raise UserError(f"folds={folds}", rule=f"between 2 and the number of rows, {count}")
    base = job.run or Path("runs") / data.name
    found = []
    splits = fold_splits(data, folds, job.settings.data.split_seed)
    for fold, parts in enumerate(splits, start=1):
        one = replace(job, run=base.with_name(f"{base.name}-fold{fold}"))
        found.append(train(one, data=data.with_splits(parts))[1])
    return {
        **found[0],
        "runs": [one["run"] for one in found],
        "folds": folds,
        "seconds": round(sum(one["seconds"] for one in found), 2),
        **spread([one["test"] for one in found]),
    }
