"""Mean and standard deviation per channel, of the training rows only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from tilth.data.dataset import IntArray, Store
from tilth.data.readable_rows import unreadable_rows
from tilth.errors import UserError

_CHUNK_BYTES = 2**22  # of float64: what stays near the processor is 7 times as fast
SAMPLE_ROWS = 4096
"""A store that has to decode its pictures is measured on this many rows."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work in one thread: many small steps in several wait for each other.

    On a busy machine the waiting took 20 s where the work takes 0.4.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class ChannelStatistics:
    """Means and standard deviations (1 where a channel is constant) in the units of the pixels.

    rows: how many they are from; unreadable: row -> reason, of rows that were tried and left out
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: int
    unreadable: dict[int, str] = field(default_factory=dict)


def channel_statistics(store: Store, rows: IntArray) -> ChannelStatistics:
    """Measure ``rows``: all of them in memory, else SAMPLE_ROWS evenly spaced ones.

    Raises UserError where none of them can be decoded.
    """
    bad: dict[int, str] = {}
    if not store.resident:
        if len(rows) > SAMPLE_ROWS:
            rows = rows[np.linspace(0, len(rows) - 1, SAMPLE_ROWS).astype(np.int64)]
        bad = unreadable_rows(store, rows)
        rows = rows[~np.isin(rows, list(bad))]
        if len(rows) == 0:
            raise UserError(f"no training picture can be decoded: {next(iter(bad.values()))}")
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    size = store.take(torch.from_numpy(rows[:1])).nbytes
    with one_thread():
        for piece in torch.split(torch.from_numpy(rows), max(1, _CHUNK_BYTES // (8 * size))):
            values = store.take(piece).to(torch.float64)
            # sums of 8-bit integers and their squares are exact in float64
            total = total + values.sum(dim=(0, 2, 3)).cpu()
            squares = squares + values.square_().sum(dim=(0, 2, 3)).cpu()
            count += values.shape[0] * values.shape[2] * values.shape[3]
    mean = total / count
    std = (squares / count - mean.square()).clamp_min(0).sqrt()
    std[std <= 1e-6 * mean.abs().clamp_min(1e-30)] = 1.0
    return ChannelStatistics(tuple(mean.tolist()), tuple(std.tolist()), len(rows), bad)
