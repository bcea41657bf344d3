"""What of a model is not in its state: buffers that are not saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Kept = tuple[Tensor | None, Tensor | None]  # a buffer, and its values then


class Buffers:
    """Where a model has buffers, also those that are not saved.

    >>> model = nn.BatchNorm1d(1)
    >>> buffers = Buffers(model)
    >>> before = buffers.values()
    >>> _ = model(torch.tensor([[1.0], [3.0]]))
    >>> buffers.put_back(before)
    >>> model.running_mean
    tensor([0.])
    """

    def __init__(self, model: nn.Module) -> None:
        self.places = [(m, name) for m in model.modules() for name in m._buffers]

    def values(self) -> list[Kept]:
        """Return every buffer with a copy of its values."""
        found = (module._buffers[name] for module, name in self.places)
        return [(buffer, None if buffer is None else buffer.clone()) for buffer in found]

    def put_back(self, kept: Sequence[Kept]) -> None:
        """Give every buffer what ``values`` found."""
        for (module, name), (buffer, values) in zip(self.places, kept, strict=True):
            module._buffers[name] = buffer
            if buffer is not None and values is not None:
                with torch.no_grad():
                    buffer.copy_(values)


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Give every buffer its values back after a block."""
    buffers = Buffers(model)
    before = buffers.values()
    try:
        yield
    finally:
        buffers.put_back(before)
