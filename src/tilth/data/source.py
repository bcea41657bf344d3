"""Batches from a data set in counter-based order: the state is one integer."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Batch, Context, State
from tilth.data.dataset import IntArray, Prepare, Store, as_they_are
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError
from tilth.randomness import permutation
from tilth.tree import bounds, map_tree


def steps_in(rows: int, batch_size: int) -> int:
    """Return how many even batches make up an epoch, none larger than asked.

    But where a batch would be a lone row, which batch normalisation cannot use (an odd number of
    rows in twos), one batch fewer is made and one of them holds three.

    >>> steps_in(10, 4), steps_in(7, 2), steps_in(7, 1)
    (3, 3, 7)
    """
    steps = math.ceil(rows / batch_size)
    return steps if batch_size == 1 else min(steps, max(1, rows // 2))


class Order:
    """Which rows make up batch ``step``: a function of (seed, step) and nothing else.

    An epoch visits every row once, in even batches, whose sizes differ by one at the most: see
    ``steps_in``.
    """

    def __init__(self, rows: IntArray, batch_size: int, *, seed: int, shuffle: bool) -> None:
        if not 1 <= batch_size <= len(rows):
            raise UserError(
                f"batch_size={batch_size} with {len(rows)} rows",
                rule="a batch holds between 1 and all rows",
                fix=f"use batch_size={max(1, len(rows) // 4)}",
            )
        self.rows = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
        self.steps_per_epoch = steps_in(len(rows), batch_size)
        self.seed, self.shuffle = seed, shuffle
        self._epoch_rows = functools.lru_cache(maxsize=2)(self._order)

    def _order(self, epoch: int) -> Tensor:
        if not self.shuffle:
            return self.rows
        return self.rows[permutation(len(self.rows), seed=self.seed, epoch=epoch)]

    def at(self, step: int, rank: int = 0, world: int = 1) -> tuple[Tensor, int]:
        """Return the row ids of this rank's share of batch ``step``, and the epoch.

        The logical batch does not depend on the ranks: each takes an even slice of it.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        low, high = bounds(len(self.rows), self.steps_per_epoch, place)
        first, last = bounds(high - low, world, rank)
        return self._epoch_rows(epoch)[low + first : low + last], epoch


class DatasetSource(BaseSource):
    """Shuffled training batches of some rows of a store, prepared as whole tensors.

    ``prepare`` gets the raw batch, its row ids and the epoch, so augmentation is a function of
    (seed, epoch, row) whatever the number of workers or ranks; so is what the store itself draws
    (random transforms inside the user's own items). ``follow`` does to targets what ``prepare``
    does to inputs: where a picture is turned, so are its points.

    targets: [len(store), ...], or a store of them
    """

    def __init__(
        self,
        store: Store,
        targets: Tensor | Store,
        rows: IntArray,
        batch_size: int,
        *,
        prepare: Prepare,
        follow: Prepare = as_they_are,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        self.order = Order(rows, batch_size, seed=seed, shuffle=True)
        self.device = torch.device(device)
        self.store = store.keyed(seed).to(self.device)
        self.targets = as_store(targets).to(self.device)
        self.prepare, self.follow, self.step = prepare, follow, 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the rows."""
        return self.order.steps_per_epoch

    def next(self, model: nn.Module, context: Context) -> Batch:
        """Return this rank's share of the next batch; never ends."""
        rows, epoch = self.order.at(self.step, context.rank, context.world)
        self.step += 1
        for store in (self.store, self.targets):
            if not store.resident:
                store.prefetch(*self.order.at(self.step, context.rank, context.world))
        return gather(self.store, self.targets, rows, epoch, self.prepare, self.device, self.follow)

    def rows_of(self, step: int) -> list[int]:
        """Name the rows of the batch at ``step`` (over all ranks)."""
        return self.order.at(step)[0].tolist()

    def state_dict(self) -> State:
        """Return the cursor."""
        return {"step": self.step}

    def load_state_dict(self, state: State) -> None:
        """Take the cursor back."""
        self.step = state["step"]


def as_store(targets: Tensor | Store) -> Store:
    """Return a store that hands out the targets of rows."""
    return ResidentStore(targets) if isinstance(targets, Tensor) else targets


def gather(
    store: Store,
    targets: Store,
    rows: Tensor,
    epoch: int,
    prepare: Prepare,
    device: torch.device,
    follow: Prepare = as_they_are,
) -> Batch:
    """Return the prepared batch of ``rows`` on ``device``."""
    rows = rows.to(device, non_blocking=True)
    raw, wanted = (
        map_tree(lambda leaf: leaf.to(device, non_blocking=True), one.take(rows, epoch))
        for one in (store, targets)
    )
    return Batch(prepare(raw, rows, epoch), follow(wanted, rows, epoch), rows)


def in_order(
    store: Store,
    targets: Tensor | Store,
    rows: IntArray,
    batch_size: int,
    *,
    prepare: Prepare,
    follow: Prepare = as_they_are,
    device: str | torch.device = "cpu",
) -> Iterator[Batch]:
    """Yield the rows once, in the order given, for evaluation (bounded memory)."""
    place = torch.device(device)
    store, targets = store.to(place), as_store(targets).to(place)
    pieces = torch.split(torch.from_numpy(np.asarray(rows, dtype=np.int64)), batch_size)
    for piece, following in zip(pieces, (*pieces[1:], None), strict=True):
        for one in (store, targets):
            if following is not None and not one.resident:
                one.prefetch(following)
        yield gather(store, targets, piece, 0, prepare, place, follow)
