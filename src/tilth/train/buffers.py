"""What of a model is not in its state: buffers that are not saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Give every buffer its values back after a block, also those that are not saved.

    >>> model = nn.BatchNorm1d(1)
    >>> with buffers_kept(model):
    ...     _ = model(torch.tensor([[1.0], [3.0]]))
    >>> model.running_mean
    tensor([0.])
    """
    before = [
        (module, name, buffer, None if buffer is None else buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
    ]
    try:
        yield
    finally:
        for module, name, buffer, values in before:
            module._buffers[name] = buffer
            if buffer is not None and values is not None:
                with torch.no_grad():
                    buffer.copy_(values)
