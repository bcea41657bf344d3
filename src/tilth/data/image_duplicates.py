"""Pictures that are the same, to the pixel or to the eye.

Two pictures look alike when their grey 8 x 8 thumbnails, freed of brightness and contrast, are
within a small distance, and their larger colour thumbnails confirm it. That survives another
compression, another size and other lighting, but not a mirror image or a tight crop.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from tilth.data.dataset import IntArray, Store
from tilth.data.near_rows import near_pairs, products, unit

ALIKE = 0.99
"""Correlation of 8 x 8 thumbnails from which two pictures are compared more closely."""
CONFIRMED = 0.985
"""Correlation of the 32 x 32 colour thumbnails from which they count as near duplicates.

Measured on street scenes at 128 px: 0.996 for JPEG quality 30, 0.998 for a size of 0.7, 0.99 for
20 % more light (each the first percentile). Lower values pair different handwritten ones.
"""
_COARSE, _FINE = 8, 32
_CHUNK_BYTES = 2**26


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
        thumbs.append(unit(_pooled(values, _COARSE).mean(1).flatten(1), white))
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
    fine = torch.cat([unit(_pooled(v, _FINE).flatten(1), white) for v in _pieces(store, involved)])
    alike = products(fine, fine, where.reshape(-1, 2)) >= CONFIRMED
    return pairs[alike], complete


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
