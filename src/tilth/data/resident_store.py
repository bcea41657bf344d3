"""A data set held in memory as whole tensors: a batch is one gather per tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.errors import UserError
from tilth.tree import leaves, map_tree

_DEVICE_SHARE = 0.5  # of a device's free memory: the network and its gradients need the rest


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
        self._placed: dict[torch.device, ResidentStore | None] = {}  # None: it stays here

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
        """Return the store with its tensors on ``device``, the same one for every caller.

        It stays where it is where that device has too little free memory: then batches travel.
        """
        if device not in self._placed:
            self._placed[device] = self._copied(device)
        return self._placed[device] or self

    def _copied(self, device: torch.device) -> ResidentStore | None:
        if all(leaf.device == device for leaf in leaves(self.raw)):
            return None
        free = free_device_bytes(device)
        need = sum(leaf.numel() * leaf.element_size() for leaf in leaves(self.raw))
        if free is not None and need > _DEVICE_SHARE * free:
            return None
        return ResidentStore(map_tree(lambda leaf: leaf.to(device), self.raw))


def free_device_bytes(device: torch.device) -> int | None:
    """Return the bytes that new tensors may take on a CUDA device, None for other devices."""
    if device.type != "cuda":
        return None
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + cached
