"""Rows of unit length, as thumbnails of pictures are, and which of them are near each other.

The search among all pairs misses none: projection on the first principal axes never makes a
distance longer, so a k-d tree there finds a superset that is then measured in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from tilth.data.dataset import IntArray

_FLAT = 2.0 / 255.0  # a thumbnail that varies less than this has nothing to compare
_PIECE = 65536
_MOST_PAIRS = 5_000_000
_SEARCH_DIMENSIONS = 8  # fastest of 8 to 32 on 70,000 digits


def unit(flat: Tensor, white: float) -> Tensor:
    """Return rows without mean and of length one; rows that hardly vary become zero.

    flat: [rows, n] float32; white: the range of their values

    >>> unit(torch.tensor([[0.0, 255.0], [9.0, 9.0]]), 255.0)
    tensor([[-0.7071,  0.7071],
            [ 0.0000,  0.0000]])
    """
    centred = flat - flat.mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    shallow = length < _FLAT * white * math.sqrt(flat.shape[1])
    return torch.where(shallow, 0.0, centred / length.clamp_min(1e-30))


def products(left: Tensor, right: Tensor, pairs: IntArray) -> NDArray[np.float32]:
    """Return the inner product of a row of ``left`` and one of ``right`` for each pair.

    left, right: [rows, n] float32; pairs: [pairs, 2] places in them

    >>> products(torch.eye(2), torch.eye(2), np.array([[0, 0], [0, 1]]))
    array([1., 0.], dtype=float32)
    """
    pieces = torch.split(torch.from_numpy(pairs), _PIECE)
    return torch.cat([(left[p[:, 0]] * right[p[:, 1]]).sum(dim=1) for p in pieces]).numpy()


def projection(vectors: Tensor) -> Callable[[Tensor], NDArray[np.float64]]:
    """Return what projects rows on the first eight principal axes of ``vectors``, about their mean.

    vectors: [rows, n] float32

    >>> project = projection(torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    >>> np.abs(project(torch.tensor([[0.0, 2.0]])))
    array([[2., 0.]])
    """
    mean = vectors.mean(dim=0)
    centred = (vectors - mean).double().numpy()
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -_SEARCH_DIMENSIONS:]
    return lambda rows: np.asarray((rows - mean).double().numpy() @ axes)


def near_pairs(vectors: Tensor, radius: float, *, most: int = _MOST_PAIRS) -> tuple[IntArray, bool]:
    """Return all pairs of rows within ``radius``, [pairs, 2] with the smaller place first.

    vectors: [rows, n] float32 of unit length. Where there would be over ``most`` candidates
    only evenly spaced rows are searched and the second value is False.

    >>> near_pairs(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 0.1)
    (array([[0, 2]]), True)
    """
    projected = projection(vectors)(vectors)
    chosen = np.arange(len(vectors))
    while _expected_pairs(projected[chosen], radius) > most:
        chosen = chosen[::2]
    close = cKDTree(projected[chosen]).query_pairs(radius, output_type="ndarray")
    pairs = chosen[close]
    pairs = pairs[products(vectors, vectors, pairs) >= 1 - radius**2 / 2]
    return pairs[np.lexsort(pairs.T[::-1])], len(chosen) == len(vectors)


def _expected_pairs(points: NDArray[np.float64], radius: float, sample: int = 2000) -> float:
    """Return about how many pairs of points are within ``radius``."""
    if not len(points):
        return 0.0
    some = points[:: max(1, len(points) // sample)]
    seen = cKDTree(some).count_neighbors(cKDTree(points), radius) - len(some)
    return float(seen) * len(points) / len(some) / 2
