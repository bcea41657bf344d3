"""Trouble with classes that can be seen by counting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import MOST_ITEMS, Finding, IntArray, ItemId
from tilth.data.label_variants import label_variants, told_variants
from tilth.wording import counted

_FEW_ROWS = 10
_IMBALANCE = 10.0


def class_findings(
    ids: NDArray[np.int64],
    labels: tuple[str, ...],
    splits: Mapping[str, IntArray],
    item_id: ItemId,
    *,
    rows_word: str = "rows",
) -> list[Finding]:
    """Return findings about classes spelled twice, single, tiny, missing, unseen and uneven ones.

    ids: [rows] class ids, -1 where the label is not among ``labels``; rows_word: what to call rows
    """
    counts = {
        name: np.bincount(ids[rows][ids[rows] >= 0], minlength=len(labels))
        for name, rows in splits.items()
    }
    total = np.sum(list(counts.values()), axis=0)
    alone = _alone(labels, total, rows_word)
    found = [
        *alone,
        *_variants(labels, total),
        *_tiny(labels, total, rows_word),
        *([] if alone else _absent(labels, counts)),  # that follows
        *_uneven(labels, counts.get("train", total), rows_word),
    ]
    unseen = [row for rows in splits.values() for row in rows[ids[rows] < 0].tolist()]
    if unseen:
        found.append(
            Finding(
                "unseen_label",
                "error",
                f"{rows_word} with a label that no training row has: {len(unseen):,}",
                "add such rows to train, or correct the labels",
                tuple(item_id(row) for row in unseen[:MOST_ITEMS]),
            )
        )
    return found


def unseen_notes(unseen: Mapping[str, Sequence[str]], word: str) -> list[str]:
    """Say how many rows are left out because training lacks their label, and of which labels.

    unseen: label -> the names of its rows; word: what to call a row

    >>> unseen_notes({"fox": ["line 3"], "owl": ["line 5", "line 9"]}, "row")
    ["3 rows are left out for a label that no training row has: 'fox' 1, 'owl' 2"]
    """
    if not unseen:
        return []
    total = len({row for rows in unseen.values() for row in rows})  # one may lack several
    listed = ", ".join(f"{label!r} {len(rows):,}" for label, rows in unseen.items())
    lost = counted(total, f"{word} is", f"{word}s are")
    return [f"{lost} left out for a label that no training {word} has: {listed}"]


def unseen_finding(unseen: Mapping[str, Sequence[str]], word: str = "row") -> Finding:
    """Return the finding of labels that no training row has.

    unseen: label -> the names of its rows; word: what to call a row
    """
    listed = ", ".join(f"{label} ({len(rows)})" for label, rows in unseen.items())
    return Finding(
        "unseen_label",
        "error",
        f"labels that no training {word} has, so that they cannot be learned: {listed}",
        f"add such {word}s to train, or correct the labels",
        tuple(dict.fromkeys(row for rows in unseen.values() for row in rows))[:MOST_ITEMS],
    )


def _alone(labels: tuple[str, ...], total: IntArray, word: str) -> list[Finding]:
    present = [label for label, count in zip(labels, total, strict=True) if count]
    if len(present) < 2:
        only = present[0] if present else "none"
        return [
            Finding(
                "one_class",
                "error",
                f"there is only one class: {only} "
                f"({counted(int(total.sum()), word.removesuffix('s'))})",
                "a classifier needs at least two classes to tell apart",
            )
        ]
    if total.max() == 1:
        return [
            Finding(
                "one_row_per_class",
                "error",
                f"every one of the {len(labels)} classes has a single row: nothing can be "
                "learned and tested",
                f"collect at least {_FEW_ROWS} {word} of each class; if the folders are not "
                "classes, sort the files into folders that are",
            )
        ]
    return []


def _variants(labels: tuple[str, ...], total: IntArray) -> list[Finding]:
    variants = label_variants(dict(zip(labels, total.tolist(), strict=True)))
    if not variants:
        return []
    fix = "if they mean the same, spell it in one way in the labels"
    named = tuple(variants)[:MOST_ITEMS]
    return [Finding("label_variants", "warning", told_variants(variants), fix, named)]


def _tiny(labels: tuple[str, ...], total: IntArray, word: str) -> list[Finding]:
    few = [f"{labels[i]} ({total[i]})" for i in np.flatnonzero(total < _FEW_ROWS)]
    if not few or total.max() <= 1:
        return []
    return [
        Finding(
            "tiny_class",
            "warning",
            counted(len(few), "class has", "classes have")
            + f" fewer than {_FEW_ROWS} {word}, of {len(labels)}: {_some(few)}",
            "collect more, merge them with another class, or leave them out",
            tuple(few[:MOST_ITEMS]),
        )
    ]


def _absent(labels: tuple[str, ...], counts: Mapping[str, IntArray]) -> list[Finding]:
    found = []
    for split in ("valid", "test"):
        missing = [labels[i] for i in np.flatnonzero(counts.get(split, np.ones(1)) == 0)]
        if missing and len(labels) > 1:
            found.append(
                Finding(
                    f"class_not_in_{split}",
                    "warning",
                    counted(len(missing), "class has", "classes have")
                    + f" no row in {split}: {_some(missing)}",
                    f"{split} says nothing about such classes",
                    tuple(missing[:MOST_ITEMS]),
                )
            )
    return found


def _uneven(labels: tuple[str, ...], train: IntArray, word: str) -> list[Finding]:
    present = train[train > 0]
    if len(present) < 2 or present.max() < _IMBALANCE * present.min():
        return []
    most, least = int(train.argmax()), int(np.where(train > 0, train, train.max() + 1).argmin())
    return [
        Finding(
            "imbalance",
            "warning",
            f"the largest class has {present.max() / present.min():.0f} times the {word} of the "
            f"smallest: {labels[most]} {train[most]}, {labels[least]} {train[least]}",
            "look at the score of each class, not only at accuracy",
        )
    ]


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
