"""Splits into train, valid, calibrate and test that depend on content and seed, nothing else.

Each row has a key, a hash of (seed, its id). Within a class (or a quantile of the target) rows
are ordered by key and cut, so neither the order of a folder listing nor any random generator
matters, and a row that is added later moves few others. Equal ids (duplicate rows) stay
together wherever that leaves the sizes nearly as asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilth.data.dataset import SPLITS, IntArray
from tilth.data.keys import Ids, Keys, content_keys
from tilth.errors import UserError

FRACTIONS = (0.7, 0.15, 0.15)
"""Train, valid, test; a third of valid is set aside to calibrate."""
CALIBRATE_SHARE = 1 / 3
_BINS = 10  # quantile strata of a number
_ROWS_PER_BIN = 20  # fewer rows than this per quantile would stratify by noise

Names = Sequence[Hashable] | NDArray[np.int64]


def split(
    ids: Ids,
    *,
    strata: Names | None = None,
    numbers: ArrayLike | None = None,
    groups: Names | None = None,
    time: ArrayLike | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
) -> dict[str, IntArray]:
    """Divide rows into train, valid, calibrate and test; every row is in exactly one.

    ids: one text (or uint64 content hash) per row; strata: classes to keep in proportion, or
    numbers: [rows] values whose quantiles are kept in proportion; groups: rows of one group
    stay together; time: [rows] numbers, the latest rows are test, before them calibrate, then
    valid; fractions: of train, valid, test, where a third of valid calibrates.

    Each class is within one row of its share, and a class of 4 rows or more is in train and in
    test. Returns sorted row numbers per split. Raises UserError for fractions that do not sum
    to one, fewer groups than splits, or times that are missing.

    >>> parts = split([f"item {i}" for i in range(20)], strata=["a", "b"] * 10)
    >>> {name: len(rows) for name, rows in parts.items()}
    {'train': 14, 'valid': 2, 'calibrate': 1, 'test': 3}
    """
    table = _describe(ids, strata, numbers, groups, time, seed)
    return _divide(table, np.arange(len(ids)), shares_of(fractions))


def complete(
    given: Mapping[str, IntArray],
    ids: Ids,
    *,
    strata: Names | None = None,
    numbers: ArrayLike | None = None,
    groups: Names | None = None,
    time: ArrayLike | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
) -> dict[str, IntArray]:
    """Make the splits that ``given`` lacks out of those it has, and keep the rest as they are.

    calibrate is a third of a given valid; what else is missing (test, valid) is carved out of
    train, in its proportion to train in ``fractions``. ``ids`` and the options are for all rows.

    >>> ids = [f"item {i}" for i in range(30)]
    >>> given = {"train": np.arange(20), "test": np.arange(20, 30)}
    >>> {name: len(rows) for name, rows in complete(given, ids).items()}
    {'train': 17, 'valid': 2, 'calibrate': 1, 'test': 10}
    """
    if "train" not in given:
        raise UserError(f"no training rows among {sorted(given)}", rule="train is needed")
    parts = {name: np.sort(np.asarray(rows, dtype=np.int64)) for name, rows in given.items()}
    table = _describe(ids, strata, numbers, groups, time, seed)
    if "valid" in parts and "calibrate" not in parts:
        shares = {"valid": 1 - CALIBRATE_SHARE, "calibrate": CALIBRATE_SHARE}
        parts |= _divide(table, parts["valid"], shares)
    missing = {
        name: share
        for name, share in shares_of(fractions).items()
        if name == "train" or name not in parts
    }
    whole = sum(missing.values())
    parts |= _divide(table, parts["train"], {name: s / whole for name, s in missing.items()})
    return {name: parts[name] for name in SPLITS}


def quantile_strata(numbers: ArrayLike) -> NDArray[np.int64]:
    """Return up to ten quantile bins of [rows] numbers, at least 20 rows each (nan: a bin)."""
    values = np.asarray(numbers, dtype=np.float64)
    known = values[~np.isnan(values)]
    bins = int(np.clip(len(known) // _ROWS_PER_BIN, 1, _BINS))
    if bins == 1:
        return np.where(np.isnan(values), -1, 0)
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
    return np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="right"))


@dataclass(frozen=True)
class _Table:
    """What a split needs to know of each row: key, class, and group or time where given."""

    keys: Keys
    classes: IntArray
    groups: IntArray | None
    group_keys: Keys  # one per group
    time: NDArray[np.float64] | None


def _describe(
    ids: Ids,
    strata: Names | None,
    numbers: ArrayLike | None,
    groups: Names | None,
    time: ArrayLike | None,
    seed: int,
) -> _Table:
    if groups is not None and time is not None:
        raise UserError(
            "both group and time are given", rule="a split is by group or by time, not both"
        )
    classes = np.zeros(len(ids), dtype=np.int64)
    if strata is not None:
        classes = _codes(strata)[0]
    elif numbers is not None:
        classes = quantile_strata(numbers)
    group, names = (None, []) if groups is None else _codes(groups)
    moment = None if time is None else np.asarray(time, dtype=np.float64)
    if moment is not None and not np.isfinite(moment).all():
        raise UserError(
            f"{int((~np.isfinite(moment)).sum())} of {len(moment)} rows have no time",
            rule="a split by time needs it for every row",
        )
    return _Table(content_keys(ids, seed), classes, group, content_keys(names, seed), moment)


def shares_of(fractions: Sequence[float]) -> dict[str, float]:
    """Return the shares of train, valid, calibrate, test."""
    values = [float(value) for value in fractions]
    good = len(values) == 3 and min(values) >= 0 and values[0] > 0
    if not good or abs(sum(values) - 1) > 1e-6:
        raise UserError(
            f"fractions={tuple(values)}",
            rule="train, valid and test fractions must sum to 1, none negative and train above 0",
            fix="for example fractions=(0.7, 0.15, 0.15)",
        )
    train, valid, test = values
    parts = (train, valid * (1 - CALIBRATE_SHARE), valid * CALIBRATE_SHARE, test)
    return dict(zip(SPLITS, parts, strict=True))


def _divide(table: _Table, rows: IntArray, shares: Mapping[str, float]) -> dict[str, IntArray]:
    """Divide ``rows`` among the names of ``shares``; the first name is the one that keeps."""
    share = np.array(list(shares.values()))
    # every class is learnt, and tested where it has rows enough
    floors = np.array([1, *(4 if name == "test" else 0 for name in list(shares)[1:])])
    if table.time is not None:
        part = _by_time(table.time[rows], share, floors)
    elif table.groups is not None:
        part = _by_group(table, rows, share)
    else:
        part = _by_class(table.keys[rows], table.classes[rows], share, floors)
    return {name: np.sort(rows[part == i]) for i, name in enumerate(shares)}


def _by_class(
    keys: Keys, classes: IntArray, shares: NDArray[np.float64], floors: IntArray
) -> IntArray:
    """Cut each class at its shares in key order; what rounding leaves over is carried on."""
    part = np.empty(len(keys), dtype=np.int64)
    by_key = np.argsort(keys, kind="stable")
    order = by_key[np.argsort(_short(classes)[by_key], kind="stable")]
    starts = np.unique(classes[order], return_index=True)[1]
    carry = np.zeros(len(shares))
    for rows in np.split(order, starts[1:]):
        counts = _counts(len(rows), shares, carry, floors)
        carry = carry + len(rows) * shares - counts
        cuts = _snap(np.cumsum(counts)[:-1], keys[rows], counts)
        part[rows] = np.searchsorted(cuts, np.arange(len(rows)), side="right")
    return part


def _short(classes: IntArray) -> NDArray[np.integer]:
    """Return the classes in 16 bits where they fit: NumPy sorts those by radix."""
    few = len(classes) == 0 or (classes.min() >= -(2**15) and classes.max() < 2**15)
    return classes.astype(np.int16) if few else classes


def _counts(
    size: int, shares: NDArray[np.float64], carry: NDArray[np.float64], floors: IntArray
) -> IntArray:
    """Return whole counts that sum to ``size``, each within one of its share.

    A part gets a row whatever the rounding says if ``size`` is at least its floor (0: never).
    """
    # the nudge keeps shares that floating point puts just under a whole number at it
    counts = np.floor(size * shares + 1e-9).astype(np.int64)
    need = size * shares + carry - counts
    need[shares == 0] = -np.inf
    need[(counts == 0) & (shares > 0) & (floors > 0) & (size >= floors)] = np.inf
    extra = np.argsort(-need, kind="stable")[: size - counts.sum()]
    counts[extra] += 1
    return counts


def _snap(cuts: IntArray, values: NDArray[np.generic], counts: IntArray) -> IntArray:
    """Move cuts in sorted ``values`` to the nearest edge of a run of equal values.

    A cut stays where the move is longer than a fifth of the smallest part (and than one row),
    and all stay where a part would be left empty.
    """
    if len(values) == 0:
        return cuts
    edges = np.append(0, np.flatnonzero(values[1:] != values[:-1]) + 1)
    edges = np.append(edges, len(values))
    up = edges[np.searchsorted(edges, cuts)]
    down = edges[np.searchsorted(edges, cuts, side="right") - 1]
    nearest = np.where(cuts - down <= up - cuts, down, up)
    allowed = max(1, int(counts[counts > 0].min()) // 5)
    moved = np.where(np.abs(nearest - cuts) <= allowed, nearest, cuts)
    sizes = np.diff(moved, prepend=0, append=len(values))
    return cuts if (sizes[counts > 0] == 0).any() else moved


def _by_time(time: NDArray[np.float64], shares: NDArray[np.float64], floors: IntArray) -> IntArray:
    """Cut rows in order of time; rows of one moment stay together where sizes allow."""
    order = np.argsort(time, kind="stable")
    counts = _counts(len(time), shares, np.zeros(len(shares)), floors)
    cuts = _snap(np.cumsum(counts)[:-1], time[order], counts)
    part = np.empty(len(time), dtype=np.int64)
    part[order] = np.searchsorted(cuts, np.arange(len(time)), side="right")
    return part


def _by_group(table: _Table, rows: IntArray, shares: NDArray[np.float64]) -> IntArray:
    """Give whole groups to the part whose classes lack them most, big groups first.

    Groups within a factor of two in size come in hashed order, so that the seed matters.
    """
    assert table.groups is not None
    groups, group_of = np.unique(table.groups[rows], return_inverse=True)
    wanted = np.flatnonzero(shares)
    if len(groups) < len(wanted):
        raise UserError(
            f"{len(groups)} different groups",
            rule=f"a split by group needs at least {len(wanted)}, one for each part",
            fix="split by rows (no group), or set some of the fractions to zero",
        )
    class_of = np.unique(table.classes[rows], return_inverse=True)[1]
    counts = np.zeros((len(groups), class_of.max() + 1))
    np.add.at(counts, (group_of, class_of), 1)
    target = shares[wanted, None] * counts.sum(axis=0)
    lacking = target.copy()
    magnitude = np.floor(np.log2(counts.sum(axis=1)))
    order = np.lexsort((table.group_keys[groups], -magnitude))
    part_of = np.empty(len(groups), dtype=np.int64)
    empty = np.ones(len(wanted), dtype=bool)
    for done, group in enumerate(order):
        # decrease of sum((target - count)^2 / target) if the group joined each part
        gain = ((2 * lacking - counts[group]) * counts[group] / target).sum(axis=1)
        if len(groups) - done <= empty.sum():
            gain[~empty] = -np.inf
        best = int(gain.argmax())
        part_of[group] = wanted[best]
        lacking[best] -= counts[group]
        empty[best] = False
    return np.asarray(part_of[group_of])


def _codes(values: Names) -> tuple[IntArray, list[str]]:
    """Return an int per value and the texts they stand for, in an order set by content."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        unique, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), [str(value) for value in unique.tolist()]
    texts = sorted({str(value) for value in values})
    index = {text: i for i, text in enumerate(texts)}
    return np.array([index[str(value)] for value in values], dtype=np.int64), texts
