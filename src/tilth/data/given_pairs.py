"""Pictures as they are seen beside those that are wanted, both from files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tilth.data.dataset import Prepare, Store
from tilth.data.worse import Worsened


class PairStore:
    """Two stores of pictures, row by row side by side: what is seen, and what is wanted of it.

    >>> from tilth.data.resident_store import ResidentStore
    >>> both = PairStore(ResidentStore(torch.zeros(3, 1)), ResidentStore(torch.ones(3, 1)))
    >>> both.take(torch.tensor([2])).wanted.tolist()
    [[1.0]]
    """

    def __init__(self, seen: Store, wanted: Store) -> None:
        self.both = (seen, wanted)
        self.resident = seen.resident and wanted.resident

    def __len__(self) -> int:
        return len(self.both[0])

    def take(self, rows: Tensor, epoch: int = 0) -> Worsened:
        """Return the raw pictures of ``rows``."""
        seen, wanted = (store.take(rows, epoch) for store in self.both)
        return Worsened(seen, wanted)

    def prefetch(self, rows: Tensor, epoch: int = 0) -> None:
        """Say which rows will be asked for soon."""
        for store in self.both:
            store.prefetch(rows, epoch)

    def keyed(self, seed: int) -> PairStore:
        """Return itself: nothing is drawn at random."""
        return self

    def to(self, device: torch.device) -> PairStore:
        """Return the store with its tensors on ``device`` where it is resident."""
        seen, wanted = (store.to(device) for store in self.both)
        return PairStore(seen, wanted)


@dataclass(frozen=True)
class PairPrepare:
    """The batch transform of given pairs: both pictures are changed in the same way.

    prepare: of either, by the row's own random numbers; gives pictures in [0, 1]
    """

    prepare: Prepare

    def __call__(self, raw: Worsened, keys: Tensor, epoch: int) -> Worsened:
        """Return what is seen and what is wanted of a raw batch."""
        seen, wanted = (self.prepare(one, keys, epoch).clamp(0, 1) for one in raw)
        return Worsened(seen, wanted)
