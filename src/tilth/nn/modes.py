"""Training or evaluation: the modes of a model's parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Give every module its own training or evaluation mode back after a block.

    >>> model = nn.Sequential(nn.Dropout().eval())
    >>> with modes_kept(model):
    ...     _ = model.train()
    >>> model.training, model[0].training
    (True, False)
    """
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
