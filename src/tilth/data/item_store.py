"""The user's own data set, read item by item, with random numbers that belong to the item."""

from __future__ import annotations

import copy
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.util import Finalize
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from tilth.randomness import fold
from tilth.tree import map_tree

Collate = Callable[[list[Any]], Any]


class Items(Protocol):
    """Anything with a length and numbered items: a ``torch.utils.data.Dataset`` with both."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@contextmanager
def keyed_streams() -> Iterator[None]:
    """Let a block reseed the global streams of torch, NumPy and random; give them back after."""
    outside = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(outside[0])
        np.random.set_state(outside[1])  # noqa: NPY002
        random.setstate(outside[2])


def fetch(
    items: Items,
    rows: Iterable[int],
    epoch: int = 0,
    seed: int = 0,
    keep: Callable[[Any], Any] = lambda item: item,
) -> list[Any]:
    """Return items, each drawn with the global streams seeded by (seed, epoch, row).

    keep: what is kept of each item (all of it by default), so that many can be looked through
    Whatever process asks, and in whatever order, a random transform gives the same item.
    """
    found = []
    with keyed_streams():
        for row in rows:
            key = fold(seed, "item", epoch, row) & 0xFFFFFFFF
            # the CPU's stream only: that of a device belongs to the training step
            torch.default_generator.manual_seed(key)
            np.random.seed(key)  # noqa: NPY002
            random.seed(key)
            found.append(keep(items[row]))
    return found


class ItemStore:
    """Whole batches of a data set's items, read here (0 workers) or in spawned processes.

    items: the data set; collate: list of items -> a tree of tensors
    With workers, the data set must be picklable, as on every system that spawns processes.
    Random transforms of the items are a function of (seed, epoch, row); see ``keyed``.
    """

    resident = False

    def __init__(
        self, items: Items, *, workers: int = 0, collate: Collate = default_collate
    ) -> None:
        self.items, self.workers, self.collate, self.seed = items, workers, collate, 0
        self._readers = _Readers(items, workers)
        self._coming: dict[tuple[int, ...], list[Future[list[Any]]]] = {}

    def __len__(self) -> int:
        return len(self.items)

    def keyed(self, seed: int) -> ItemStore:
        """Return the same items, read by the same workers, drawn with another seed."""
        other = copy.copy(self)
        other.seed, other._coming = seed, {}
        return other

    def take(self, rows: Tensor, epoch: int = 0) -> Any:
        """Return the collated items of ``rows``."""
        chosen = tuple(rows.tolist())
        if not chosen:  # what no collate can make: one item's batch without the item
            return map_tree(lambda leaf: leaf[:0], self.collate(fetch(self.items, [0])))
        if not self.workers:
            return self.collate(fetch(self.items, chosen, epoch, self.seed))
        parts = self._coming.pop((epoch, *chosen), None) or self._ask(chosen, epoch)
        return self.collate([_as_tensors(item) for part in parts for item in part.result()])

    def prefetch(self, rows: Tensor, epoch: int = 0) -> None:
        """Begin to read ``rows`` in the workers."""
        chosen = tuple(rows.tolist())
        if self.workers and chosen and (epoch, *chosen) not in self._coming:
            self._coming[(epoch, *chosen)] = self._ask(chosen, epoch)

    def to(self, device: torch.device) -> ItemStore:
        """Stay where it is: items are read on the CPU."""
        return self

    def _ask(self, rows: tuple[int, ...], epoch: int) -> list[Future[list[Any]]]:
        size = -(-len(rows) // self.workers)
        cuts = [rows[start : start + size] for start in range(0, len(rows), size)]
        return [self._readers.pool.submit(_fetch_here, cut, epoch, self.seed) for cut in cuts]

    def close(self) -> None:
        """End the workers."""
        self._readers.close()


class _Readers:
    """The worker processes of one data set, begun when they are first needed."""

    def __init__(self, items: Items, workers: int) -> None:
        self._items, self._workers = items, workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=spawn, initializer=_begin, initargs=(self._items,)
            )
            # a process that was itself started by multiprocessing waits for its own at the end:
            # they have to be told before, which the pool by itself does only in a main process
            # (and before the pool's own queue is closed, which has priority 10)
            Finalize(self, self._pool.shutdown, kwargs={"cancel_futures": True}, exitpriority=20)
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


_ITEMS: Items | None = None  # a worker process's copy of the data set


def _begin(items: Items) -> None:
    global _ITEMS
    _ITEMS = items
    torch.set_num_threads(1)
    # Ctrl-C reaches this process too: let the main one save first, and end this one itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Go when the main process is gone: killed, it could not end its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _fetch_here(rows: tuple[int, ...], epoch: int, seed: int) -> list[Any]:
    assert _ITEMS is not None
    return [map_tree(_as_numpy, item) for item in fetch(_ITEMS, rows, epoch, seed)]


def _as_numpy(tensor: Tensor) -> Any:
    """Arrays travel between processes by value: no shared memory to run out of."""
    return tensor.numpy()


def _as_tensors(item: Any) -> Any:
    """Undo ``_as_numpy``, so that the item is what the data set gave."""
    if isinstance(item, np.ndarray):
        return torch.from_numpy(item)
    if isinstance(item, dict):
        return {key: _as_tensors(value) for key, value in item.items()}
    if isinstance(item, tuple) and type(item) is not tuple:
        return type(item)(*map(_as_tensors, item))
    if isinstance(item, list | tuple):
        return type(item)(map(_as_tensors, item))
    return item
