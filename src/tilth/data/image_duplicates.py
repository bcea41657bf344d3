"""Pictures that are the same, to the pixel or to the eye.

Two pictures look alike when their grey 8 x 8 thumbnails, freed of brightness and contrast, are
within a small distance, and their larger colour thumbnails confirm it. That survives another
compression, another size and other lighting, but not a mirror image or a tight crop. The search
among all pairs misses none: projection on the first principal axes never makes a distance
longer, so a k-d tree there finds a superset that is then measured in full.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from tilth.data.dataset import IntArray, Store

ALIKE = 0.99
"""Correlation of 8 x 8 thumbnails from which two pictures are compared more closely."""
CONFIRMED = 0.985
"""Correlation of the 32 x 32 colour thumbnails from which they count as near duplicates.

Measured on street scenes at 128 px: 0.996 for JPEG quality 30, 0.998 for a size of 0.7, 0.99 for
20 % more light (each the first percentile). Lower values pair different handwritten ones.
"""
_COARSE, _FINE = 8, 32
_FLAT = 2.0 / 255.0  # a thumbnail that varies less than this has nothing to compare
_CHUNK_BYTES = 2**26
_MOST_PAIRS = 5_000_000
_SEARCH_DIMENSIONS = 8  # fastest of 8 to 32 on 70,000 digits


@dataclass
class Looks:
    """What one pass over the pixels tells, one entry per row looked at.

    rows: row ids; digests: hash of the pixels; thumbs: [rows, 64] unit vectors (zero where the
    picture is flat); constant: all pixels equal; colourless: all channels equal
    """

    rows: IntArray
    digests: list[bytes]
    thumbs: Tensor
    constant: NDArray[np.bool_]
    colourless: NDArray[np.bool_]


def look(store: Store, rows: IntArray, white: float) -> Looks:
    """Pass over the pixels of ``rows`` once; ``white`` is the range of the values."""
    digests: list[bytes] = []
    thumbs, constant, colourless = [], [], []
    for values in _pieces(store, rows):
        flat = values.flatten(1)
        constant.append((flat.amax(1) == flat.amin(1)).numpy())
        colourless.append((values == values[:, :1]).flatten(1).all(1).numpy())
        thumbs.append(_unit(_pooled(values, _COARSE).mean(1).flatten(1), white))
        digests += [hashlib.blake2b(row, digest_size=16).digest() for row in flat.numpy()]
    return Looks(
        rows, digests, torch.cat(thumbs), np.concatenate(constant), np.concatenate(colourless)
    )


def exact_groups(looks: Looks) -> list[IntArray]:
    """Return the groups of two or more rows whose pixels are equal, in order of their rows."""
    groups: dict[bytes, list[int]] = {}
    for row, digest, flat in zip(looks.rows, looks.digests, looks.constant, strict=True):
        if not flat:  # blank pictures are equal for another reason
            groups.setdefault(digest, []).append(int(row))
    return [np.array(rows) for rows in groups.values() if len(rows) > 1]


def alike_pairs(store: Store, looks: Looks, white: float) -> tuple[IntArray, bool]:
    """Return [pairs, 2] row ids that look alike but differ in pixels, and whether that is all."""
    has_shape = np.flatnonzero(looks.thumbs.any(1).numpy())
    places, complete = near_pairs(looks.thumbs[has_shape], math.sqrt(2 - 2 * ALIKE))
    pairs = has_shape[places]
    same = [looks.digests[a] == looks.digests[b] for a, b in pairs.tolist()]
    pairs = looks.rows[pairs[~np.array(same, dtype=bool)]]
    if len(pairs) == 0:
        return pairs.reshape(0, 2), complete
    involved, where = np.unique(pairs, return_inverse=True)
    fine = torch.cat([_unit(_pooled(v, _FINE).flatten(1), white) for v in _pieces(store, involved)])
    alike = _pair_products(fine, where.reshape(-1, 2)) >= CONFIRMED
    return pairs[alike], complete


def near_pairs(vectors: Tensor, radius: float, *, most: int = _MOST_PAIRS) -> tuple[IntArray, bool]:
    """Return all pairs of rows within ``radius``, [pairs, 2] with the smaller place first.

    vectors: [rows, n] float32 of unit length. Where there would be over ``most`` candidates
    only evenly spaced rows are searched and the second value is False.
    """
    centred = (vectors - vectors.mean(dim=0)).double().numpy()
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -_SEARCH_DIMENSIONS:]
    projected = centred @ axes
    chosen = np.arange(len(vectors))
    while _expected_pairs(projected[chosen], radius) > most:
        chosen = chosen[::2]
    close = cKDTree(projected[chosen]).query_pairs(radius, output_type="ndarray")
    pairs = chosen[close]
    pairs = pairs[_pair_products(vectors, pairs) >= 1 - radius**2 / 2]
    return pairs[np.lexsort(pairs.T[::-1])], len(chosen) == len(vectors)


def _expected_pairs(points: NDArray[np.float64], radius: float, sample: int = 2000) -> float:
    """Return about how many pairs of points are within ``radius``."""
    if not len(points):
        return 0.0
    some = points[:: max(1, len(points) // sample)]
    seen = cKDTree(some).count_neighbors(cKDTree(points), radius) - len(some)
    return float(seen) * len(points) / len(some) / 2


def _pieces(store: Store, rows: IntArray) -> Iterator[Tensor]:
    """Yield the raw pixels of ``rows`` in pieces of bounded memory, on the CPU."""
    if len(rows) == 0:
        return
    size = store.take(torch.from_numpy(rows[:1])).nbytes
    for piece in torch.split(torch.from_numpy(rows), max(1, _CHUNK_BYTES // (8 * size))):
        yield store.take(piece).cpu().contiguous()


def _pooled(values: Tensor, side: int) -> Tensor:
    height, width = values.shape[2:]
    return adaptive_avg_pool2d(values.to(torch.float32), (min(side, height), min(side, width)))


def _unit(flat: Tensor, white: float) -> Tensor:
    """Return rows without mean and of length one; rows that hardly vary become zero."""
    centred = flat - flat.mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    shallow = length < _FLAT * white * math.sqrt(flat.shape[1])
    return torch.where(shallow, 0.0, centred / length.clamp_min(1e-30))


def _pair_products(vectors: Tensor, pairs: IntArray) -> NDArray[np.float32]:
    """Return the inner product of each pair of rows."""
    pieces = torch.split(torch.from_numpy(pairs), 65536)
    products = [(vectors[p[:, 0]] * vectors[p[:, 1]]).sum(dim=1) for p in pieces]
    return torch.cat(products).numpy()
