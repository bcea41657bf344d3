"""A net with new first weights: the same layers as if they had just been made."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import nn

from tilth.errors import UserError

Net = TypeVar("Net", bound=nn.Module)


def cannot_begin_anew(model: nn.Module) -> list[str]:
    """Return the names of layers with parameters that do not know how they began.

    >>> cannot_begin_anew(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    []
    """
    return [
        name or type(layer).__name__
        for name, layer in model.named_modules()
        if list(layer.parameters(recurse=False)) and not hasattr(layer, "reset_parameters")
    ]


def check_begins_anew(model: nn.Module, how: str) -> None:
    """Raise UserError for layers that cannot; how: the same net is trained beside it, in words."""
    stuck = cannot_begin_anew(model)
    if stuck:
        raise UserError(
            f"{', '.join(stuck[:3])} of {type(model).__name__} cannot begin anew",
            rule=f"the report trains the same net {how}, from new weights",
            fix="give each layer with parameters a reset_parameters()",
        )


def begun_anew(model: Net) -> Net:
    """Return a copy whose layers have drawn new first weights, from torch's own random stream.

    Layers begin as they do by themselves; what a model did to them when it was made is not
    repeated. Layers without ``reset_parameters`` (see ``cannot_begin_anew``) keep their weights.

    >>> net = nn.Linear(1, 1)
    >>> begun_anew(net).weight.data == net.weight.data
    tensor([[False]])
    """
    copied = copy.deepcopy(model)
    for layer in copied.modules():
        reset: Any = getattr(layer, "reset_parameters", None)
        if reset is not None:
            reset()
    return copied
