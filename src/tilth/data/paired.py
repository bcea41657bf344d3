"""Batches of two data sets side by side: two domains, a labelled one and one to adapt to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Batch, Context, State
from tilth.data.dataset import IntArray, Prepare, Store, as_they_are
from tilth.data.source import as_store, gather
from tilth.errors import UserError
from tilth.randomness import fold, permutation
from tilth.tree import bounds, join


class Pair(NamedTuple):
    """What belongs to the two domains of a batch.

    source, target: a tensor or a tree of tensors each, of the same number of rows
    """

    source: Any
    target: Any


@dataclass(frozen=True)
class Domain:
    """One of two data sets: ``rows`` of a store, and what makes model inputs of them.

    targets: [len(store)] what its rows are labelled with; None where nobody knows
    follow: does to targets what ``prepare`` does to inputs
    """

    store: Store
    rows: IntArray
    prepare: Prepare
    targets: Tensor | None = None
    follow: Prepare = as_they_are


class Endless:
    """An order without end: every row once, then every row once in another order, and so on.

    Any number of rows makes up batches of any size, all of one size: a small data set comes
    round again within a batch. A function of (seed, place) and nothing else.
    """

    def __init__(self, rows: IntArray, *, seed: int) -> None:
        if len(rows) == 0:
            raise UserError("a domain without rows", rule="each domain has at least one row")
        self.rows = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
        self._epoch_rows = functools.lru_cache(maxsize=2)(
            lambda epoch: self.rows[permutation(len(self.rows), seed=seed, epoch=epoch)]
        )

    def between(self, low: int, high: int) -> list[tuple[Tensor, int]]:
        """Return (row ids, epoch) of the places [low, high), one entry per epoch they touch."""
        pieces = []
        while low < high:
            epoch, place = divmod(low, len(self.rows))
            count = min(high - low, len(self.rows) - place)
            pieces.append((self._epoch_rows(epoch)[place : place + count], epoch))
            low += count
        return pieces


class PairedSource(BaseSource):
    """Batches that hold ``batch_size`` rows of each of two domains, each in an order of its own.

    A batch is ``Batch(Pair(source, target), targets, rows)``: targets and row ids are those of
    the source domain. Without labels (unpaired translation) targets are [rows, 0]. All tensors
    have the same number of rows, so that a batch can be cut.

    source: the labelled domain; target: the one to adapt or translate to, whose targets are
    never looked at
    Raises UserError for an empty domain or batch.

    >>> from tilth.data.resident_store import ResidentStore
    >>> plain = lambda raw, keys, epoch: raw
    >>> many = Domain(ResidentStore(torch.arange(6)), np.arange(6), plain, torch.arange(6) % 2)
    >>> few = Domain(ResidentStore(torch.tensor([7, 8])), np.arange(2), plain)
    >>> batch = PairedSource(many, few, batch_size=3).next(None, Context(0, 0, 0, None, None))
    >>> torch.equal(batch.inputs.source % 2, batch.targets), len(batch.inputs.target)
    (True, 3)
    """

    def __init__(
        self,
        source: Domain,
        target: Domain,
        batch_size: int,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size}", rule="a batch holds at least one row")
        self.batch_size, self.step, self.device = batch_size, 0, torch.device(device)
        self.sides = (
            _Side(source, fold(seed, "source domain"), self.device),
            _Side(target, fold(seed, "target domain"), self.device),
        )

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the larger domain."""
        return -(-max(len(side.order.rows) for side in self.sides) // self.batch_size)

    def _places(self, step: int, rank: int = 0, world: int = 1) -> tuple[int, int]:
        low, high = bounds(self.batch_size, world, rank)
        return step * self.batch_size + low, step * self.batch_size + high

    def next(self, model: nn.Module, context: Context) -> Batch:
        """Return this rank's share of the next batch; never ends."""
        places = self._places(self.step, context.rank, context.world)
        self.step += 1
        following = self._places(self.step, context.rank, context.world)
        source, target = (side.take(places, following) for side in self.sides)
        return Batch(Pair(source.inputs, target.inputs), source.targets, source.rows)

    def rows_of(self, step: int) -> list[int]:
        """Name the source domain's rows of the batch at ``step`` (over all ranks)."""
        pieces = self.sides[0].order.between(*self._places(step))
        return [row for rows, _ in pieces for row in rows.tolist()]

    def state_dict(self) -> State:
        """Return the cursor, from which both orders follow."""
        return {"step": self.step}

    def load_state_dict(self, state: State) -> None:
        """Take the cursor back."""
        self.step = state["step"]


class _Side:
    """One domain, on the device, in its order."""

    def __init__(self, domain: Domain, seed: int, device: torch.device) -> None:
        self.store = domain.store.keyed(seed).to(device)
        self.prepare, self.follow, self.device = domain.prepare, domain.follow, device
        self.order = Endless(domain.rows, seed=seed)
        blank = torch.zeros(len(domain.store), 0)
        self.targets = as_store(blank if domain.targets is None else domain.targets).to(device)

    def take(self, places: tuple[int, int], following: tuple[int, int]) -> Batch:
        pieces = self.order.between(*places)
        if not self.store.resident:
            for rows, epoch in self.order.between(*following):
                self.store.prefetch(rows, epoch)
        parts = [
            gather(self.store, self.targets, rows, epoch, self.prepare, self.device, self.follow)
            for rows, epoch in pieces
        ]
        whole: Batch = join(parts)
        return whole
