"""A data set held in memory as whole tensors: a batch is one gather per tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.errors import UserError
from tilth.tree import leaves, map_tree


class ResidentStore:
    """Rows of a tree of tensors, all of one length, on one device.

    raw: a tensor or a (named) tuple, list or dict of tensors, first dimension = rows
    Raises UserError where the tensors differ in length.

    >>> store = ResidentStore({"x": torch.arange(6).reshape(3, 2), "y": torch.arange(3)})
    >>> store.take(torch.tensor([2, 0]))["x"].tolist()
    [[4, 5], [0, 1]]
    """

    resident = True

    def __init__(self, raw: Any) -> None:
        lengths = {len(leaf) for leaf in leaves(raw)}
        if len(lengths) != 1:
            raise UserError(
                f"tensors of {sorted(lengths)} rows", rule="all inputs have the same rows"
            )
        self.raw = raw
        (self._length,) = lengths

    def __len__(self) -> int:
        return self._length

    def take(self, rows: Tensor, epoch: int = 0) -> Any:
        """Return the raw inputs of ``rows`` ([B] int64), a copy on the store's device."""
        return map_tree(lambda leaf: leaf.index_select(0, rows.to(leaf.device)), self.raw)

    def prefetch(self, rows: Tensor, epoch: int = 0) -> None:
        """Do nothing: every row is here."""

    def keyed(self, seed: int) -> ResidentStore:
        """Return itself: nothing is drawn at random."""
        return self

    def to(self, device: torch.device) -> ResidentStore:
        """Return the store with its tensors on ``device`` (itself if they are there)."""
        if all(leaf.device == device for leaf in leaves(self.raw)):
            return self
        return ResidentStore(map_tree(lambda leaf: leaf.to(device), self.raw))
