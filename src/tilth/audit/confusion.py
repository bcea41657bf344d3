"""Which classes are taken for which, and how well each is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tilth.audit.intervals import wilson
from tilth.data.dataset import IntArray

MOST_CLASSES = 100  # beyond, the matrix is neither readable nor small; the pairs tell
MOST_PAIRS = 15


def confusion(predicted: IntArray, targets: IntArray, labels: Sequence[str]) -> dict[str, Any]:
    """Return the counts (rows true, columns predicted), the pairs most confused, each class.

    predicted, targets: [rows] class ids

    >>> found = confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), ["cat", "dog"])
    >>> found["counts"], found["pairs"]
    ([[1, 1], [0, 1]], [{'true': 'cat', 'predicted': 'dog', 'count': 1, 'share': 0.5}])
    """
    size = len(labels)
    counts = np.bincount(targets * size + predicted, minlength=size * size).reshape(size, size)
    return {
        "counts": counts.tolist() if size <= MOST_CLASSES else None,
        "pairs": _pairs(counts, labels),
        "classes": [_class(counts, number, label) for number, label in enumerate(labels)],
    }


def _pairs(counts: IntArray, labels: Sequence[str]) -> list[dict[str, Any]]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    totals = counts.sum(axis=1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[true, predicted]:
            pairs.append(
                {
                    "true": labels[true],
                    "predicted": labels[predicted],
                    "count": int(wrong[true, predicted]),
                    "share": float(wrong[true, predicted] / totals[true]),
                }
            )
    return pairs


def _class(counts: IntArray, number: int, label: str) -> dict[str, Any]:
    """Recall, precision (each with a Wilson interval, None where undefined) and F1."""
    right, true, said = counts[number, number], counts[number].sum(), counts[:, number].sum()
    recall = wilson(int(right), int(true)).to_json() if true else None
    precision = wilson(int(right), int(said)).to_json() if said else None
    f1 = float(2 * right / (true + said)) if true + said else None
    return {
        "label": label,
        "rows": int(true),
        "predicted": int(said),
        "recall": recall,
        "precision": precision,
        "f1": f1,
    }
