"""What inner layers give while a net or a chain of layers computes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor, nn

from tilth.nn.watched import watched


def tapped(net: nn.Module, names: Sequence[str], inputs: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return ``net(inputs)`` and the outputs of the named layers on the way, with gradients.

    names: of ``net.named_modules()``; raises UserError for another one

    >>> import torch
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU())
    >>> answer, found = tapped(net, ["1"], torch.ones(3, 1, 2, 2))
    >>> torch.equal(found["1"].relu(), answer), len(net[1]._forward_hooks)
    (True, 0)
    """
    with watched(net, names) as kept:
        return net(inputs), kept.outputs


def along(chain: nn.Sequential, places: Collection[int], inputs: Tensor) -> list[Tensor]:
    """Return what a chain of layers gives at some places, on the way of the inputs through it.

    >>> import torch
    >>> [float(x) for x in along(nn.Sequential(nn.ReLU(), nn.Tanh()), (0,), torch.tensor(2.0))]
    [2.0]
    """
    found, x = [], inputs
    for place, layer in enumerate(chain):
        x = layer(x)
        if place in places:
            found.append(x)
    return found
