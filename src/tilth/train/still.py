"""Frozen parts stay in evaluation mode while the rest of a model trains."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tilth.contracts import BaseHook, LoopView


class Still(BaseHook):
    """Holds modules in evaluation mode during a fit: batch norm moves no statistics there.

    Dropout inside them rests as well, so that what is frozen is one fixed function.

    >>> norm = nn.BatchNorm1d(1)
    >>> hook = Still([norm])
    >>> hook.on_start(None); norm.training
    False
    >>> hook.on_exit(None); norm.training
    True
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules, self._before = modules, list[bool]()

    def on_start(self, loop: LoopView) -> None:
        """Put them into evaluation mode, each by itself."""
        self._before = [module.training for module in self.modules]
        for module in self.modules:
            module.training = False

    def on_exit(self, loop: LoopView) -> None:
        """Give them back the modes that they had."""
        for module, training in zip(self.modules, self._before, strict=False):
            module.training = training
