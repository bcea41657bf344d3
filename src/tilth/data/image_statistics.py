"""Mean and standard deviation per channel, of the training rows only."""

from __future__ import annotations

import numpy as np
import torch

from tilth.data.dataset import IntArray, Store

_CHUNK_BYTES = 2**26
SAMPLE_ROWS = 4096
"""A store that has to decode its pictures is measured on this many rows."""


def channel_statistics(
    store: Store, rows: IntArray
) -> tuple[tuple[float, ...], tuple[float, ...], int]:
    """Return means, standard deviations (1 where a channel is constant) and the rows used.

    Exact for stores in memory; from SAMPLE_ROWS evenly spaced rows for the others.
    """
    if not store.resident and len(rows) > SAMPLE_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, SAMPLE_ROWS).astype(np.int64)]
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    size = store.take(torch.from_numpy(rows[:1])).nbytes
    for piece in torch.split(torch.from_numpy(rows), max(1, _CHUNK_BYTES // (8 * size))):
        values = store.take(piece).to(torch.float64)
        # sums of 8-bit integers and their squares are exact in float64
        total = total + values.sum(dim=(0, 2, 3)).cpu()
        squares = squares + values.square_().sum(dim=(0, 2, 3)).cpu()
        count += values.shape[0] * values.shape[2] * values.shape[3]
    mean = total / count
    std = (squares / count - mean.square()).clamp_min(0).sqrt()
    std[std <= 1e-6 * mean.abs().clamp_min(1e-30)] = 1.0
    return tuple(mean.tolist()), tuple(std.tolist()), len(rows)
