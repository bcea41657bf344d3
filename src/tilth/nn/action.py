"""What a policy answers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Action(NamedTuple):
    """What a policy does.

    actions: [copies] int64 choices or [copies, *shape] float32
    extras: name -> [copies, ...], what its objective wants to remember (log-probabilities, values)
    """

    actions: Tensor
    extras: dict[str, Tensor]
