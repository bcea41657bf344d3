"""Precision and recall of generated rows: are they among the real ones, and do they reach all.

Kynkaanniemi, Karras, Laine, Lehtinen and Aila 2019 (https://arxiv.org/abs/1904.06991, equations 1
and 2): each set is the union of balls around its rows, each reaching the row's k-th neighbour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tilth.errors import UserError

FloatArray = NDArray[np.float64]

NEIGHBOURS = 3  # section 3.1 of the paper
_CHUNK = 1000  # rows of distances at a time


class Coverage(NamedTuple):
    """precision: share of generated rows among the real; recall: of real among the generated."""

    precision: float
    recall: float


def coverage(real: FloatArray, generated: FloatArray, *, neighbours: int = NEIGHBOURS) -> Coverage:
    """Return precision and recall of generated features [M, D] beside real ones [N, D].

    Both depend on the number of rows: take the same of either. Raises UserError for sets of no
    more rows than neighbours.

    >>> rows = np.arange(10.0)[:, None]
    >>> coverage(rows, rows[:5])
    Coverage(precision=1.0, recall=0.8)
    """
    least = min(len(real), len(generated))
    if least <= neighbours:
        raise UserError(f"{least} rows", rule=f"each row needs {neighbours} others as neighbours")
    return Coverage(
        _share_inside(generated, real, neighbours), _share_inside(real, generated, neighbours)
    )


def _share_inside(rows: FloatArray, others: FloatArray, neighbours: int) -> float:
    """Return the share of ``rows`` that lie in the ball of any of ``others``."""
    reach = radii(others, neighbours)
    inside = [
        (cdist(rows[low : low + _CHUNK], others) <= reach).any(axis=1)
        for low in range(0, len(rows), _CHUNK)
    ]
    return float(np.concatenate(inside).mean())


def radii(rows: FloatArray, neighbours: int) -> FloatArray:
    """Return [N], each row's distance to the k-th nearest of the others.

    >>> radii(np.array([[0.0], [1.0], [3.0]]), 1).tolist()
    [1.0, 1.0, 2.0]
    """
    found = []
    for low in range(0, len(rows), _CHUNK):
        distances = cdist(rows[low : low + _CHUNK], rows)
        # a row itself is at place 0, at no distance
        found.append(np.partition(distances, neighbours, axis=1)[:, neighbours])
    return np.concatenate(found)
