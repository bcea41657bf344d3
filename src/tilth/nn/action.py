"""What a policy answers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Action(NamedTuple):
    """What a policy does.

    actions: [copies] int64 choices or [copies, *shape] float32
    features: [copies, F], what the policy made of the observations, from which its ``recall`` goes
    on; None where it has no such method
    """

    actions: Tensor
    features: Tensor | None = None
