"""What followed an action: advantages and returns, as pure functions of [time, copies] tensors.

An end is told apart from a cut: after ``ended`` nothing of the next episode flows back, and
``following`` is 0 where the episode terminated but the value of what was seen last where it was
truncated (Pardo et al. 2018, "Time limits in reinforcement learning").
"""

from __future__ import annotations

import torch
from torch import Tensor


def lambda_returns(
    rewards: Tensor, following: Tensor, ended: Tensor, *, discount: float, trace: float
) -> Tensor:
    """Return TD(lambda) targets: ``r + discount * ((1 - trace) * V' + trace * G')``.

    With ``following = max_a Q`` it is the Q(lambda) return of Peng and Williams (1994) as used by
    PQN (Gallici et al. 2024, equation 6): traces are not cut at random actions. With trace=1 it is
    the discounted sum of rewards (Sutton and Barto 2018, equation 12.2).
    rewards, following: [T, N], the value of what follows each step (of a terminated one: 0)
    ended: [T, N] bool, terminated or truncated

    >>> one, no = torch.ones(3, 1), torch.zeros(3, 1, dtype=torch.bool)
    >>> lambda_returns(one, 0 * one, no, discount=0.5, trace=1.0).squeeze(1)
    tensor([1.7500, 1.5000, 1.0000])
    """
    goes_on = discount * trace * (~ended).to(rewards.dtype)
    returns = rewards + discount * following
    # what is short of the one-step target is carried back: G - target = goes_on * (G' - V')
    for time in range(len(rewards) - 2, -1, -1):
        returns[time] += goes_on[time] * (returns[time + 1] - following[time])
    return returns


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

    values: [T, N], of what was seen before each step; the others as in ``lambda_returns``

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
