"""What inner layers give while a net computes, gathered by hooks that never stay behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


def tapped(net: nn.Module, names: Sequence[str], inputs: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return ``net(inputs)`` and the outputs of the named layers on the way, with gradients.

    names: of ``net.named_modules()``; raises AttributeError for another one

    >>> import torch
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU())
    >>> answer, found = tapped(net, ["1"], torch.ones(3, 1, 2, 2))
    >>> torch.equal(found["1"].relu(), answer), len(net[1]._forward_hooks)
    (True, 0)
    """
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(layer: nn.Module, given: Any, output: Tensor) -> None:
            found[name] = output

        return hook

    hooks = []
    try:
        for name in names:
            hooks.append(net.get_submodule(name).register_forward_hook(keep(name)))
        return net(inputs), found
    finally:
        for handle in hooks:
            handle.remove()
