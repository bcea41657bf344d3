"""Categories as plain numbers, for the simple models that a net is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import IntArray

_MOST_INDICATORS = 50  # per column: what is rarer adds columns, not accuracy
_MOST_TREE_IDS = 254  # boosted trees bin a category into a byte, with one for missing values


def one_hot(ids: IntArray, train: IntArray, cardinalities: Sequence[int]) -> NDArray[np.float32]:
    """Return [rows, indicators] of the commonest ids of each column; the others give zeros.

    ids: [rows, columns]; train: [training rows, columns] ids to count

    >>> one_hot(np.array([[1], [2]]), np.array([[1], [2], [2]]), [3]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    blocks = [np.zeros((len(ids), 0), dtype=np.float32)]
    for i, cardinality in enumerate(cardinalities):
        seen = len(np.unique(train[:, i]))
        kept = _commonest(train[:, i], cardinality)[: min(seen, _MOST_INDICATORS)]
        blocks.append((ids[:, i, None] == kept).astype(np.float32))
    return np.concatenate(blocks, axis=1)


def tree_categories(
    ids: IntArray, train: IntArray, cardinalities: Sequence[int]
) -> NDArray[np.float64]:
    """Return [rows, columns] ids below 255, where rare ones of a large column share the last."""
    columns = [np.zeros((len(ids), 0))]
    for i, cardinality in enumerate(cardinalities):
        rank = np.empty(cardinality, dtype=np.int64)
        rank[_commonest(train[:, i], cardinality)] = np.arange(cardinality)
        columns.append(np.minimum(rank[ids[:, i]], _MOST_TREE_IDS - 1)[:, None])
    return np.concatenate(columns, axis=1).astype(np.float64)


def _commonest(train: IntArray, cardinality: int) -> IntArray:
    """Return all ids, the commonest in ``train`` first."""
    counts = np.bincount(train, minlength=cardinality)
    return np.argsort(-counts, kind="stable")
