"""What followed an action: advantages and returns, as pure functions of [time, copies] tensors.

An end is told apart from a cut: after ``ended`` nothing of the next episode flows back, and
``following`` is 0 where the episode terminated but the value of what was seen last where it was
truncated (Pardo et al. 2018, "Time limits in reinforcement learning").
"""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(
    rewards: Tensor,
    values: Tensor,
    following: Tensor,
    ended: Tensor,
    *,
    discount: float,
    trace: float,
) -> Tensor:
    """Return generalised advantages (Schulman et al. 2016, equation 16).

    Advantages and values together are TD(lambda) targets (Sutton and Barto 2018, equation 12.2);
    where values are ``max_a Q`` these are the Q(lambda) returns of Peng and Williams (1994) that
    PQN learns (Gallici et al. 2024, equation 6): traces are not cut at random actions. With
    values of 0 and trace=1 they are the discounted sums of rewards.
    rewards: [T, N]; values: [T, N], of what was seen before each step
    following: [T, N], the value of what follows each step (of a terminated one: 0)
    ended: [T, N] bool, terminated or truncated

    >>> one, no = torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.bool)
    >>> advantages(one, one, 0 * one, no, discount=0.5, trace=0.5).squeeze(1)
    tensor([0., 0.])
    """
    goes_on = discount * trace * (~ended).to(rewards.dtype)
    found = rewards + discount * following - values
    for time in range(len(rewards) - 2, -1, -1):
        found[time] += goes_on[time] * found[time + 1]
    return found


def n_step_rewards(rewards: Tensor, ended: Tensor, *, discount: float) -> tuple[Tensor, Tensor]:
    """Return the discounted sum of the first rewards up to an end, and how many they are.

    rewards, ended: [rows, n], what followed each row in time; returns [rows] and [rows] int64

    >>> ended = torch.tensor([[False, True, False]])
    >>> n_step_rewards(torch.ones(1, 3), ended, discount=0.5)
    (tensor([1.5000]), tensor([2]))
    """
    before = torch.zeros_like(ended)
    before[:, 1:] = ended[:, :-1].cumsum(1) > 0
    powers = discount ** torch.arange(rewards.shape[1]).to(rewards)
    total = (rewards * powers * ~before).sum(1)
    return total, (~before).sum(1)
