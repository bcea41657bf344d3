"""What actions are worth in a world whose chances are known."""

from __future__ import annotations

import torch
from torch import Tensor


def value_iteration(
    chances: Tensor, rewards: Tensor, *, discount: float, tolerance: float = 1e-10
) -> Tensor:
    """Return [S, A] the optimal action values (Bellman 1957; Sutton and Barto 2018, section 4.4).

    chances: [S, A, S] of what follows; rows that sum to less than 1 end with the rest of the chance
    rewards: [S, A] expected; discount: below 1, so that the values converge
    tolerance: the largest change of the last sweep

    >>> stay = torch.ones(1, 1, 1, dtype=torch.float64)
    >>> found = value_iteration(stay, torch.ones(1, 1, dtype=torch.float64), discount=0.5)
    >>> round(float(found), 6)
    2.0
    """
    values = torch.zeros_like(rewards)
    while True:
        better = rewards + discount * chances @ values.max(1).values
        if float((better - values).abs().max()) <= tolerance:
            return better
        values = better
