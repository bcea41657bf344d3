"""Soft actor-critic: values with entropy, a policy that follows them, a temperature between.

Haarnoja et al. 2018 ("Soft actor-critic algorithms and applications"), in three objectives with a
player each; give them to a loop in this order. The model has ``actor``, ``critics(observations,
units) -> [2, B]``, ``temperature()``, ``drawn(observations, noise)`` and ``units(actions)``, as
``tilth.models.soft_actor_critic`` makes them. The noise that actions are made of comes with the
batch: "actions" for what was seen, "following" for what followed, each [B, D].
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Context, Loss, State, Term
from tilth.data.replay import ReplayBatch
from tilth.errors import UserError
from tilth.models.soft_actor_critic import SoftActorCritic
from tilth.objectives._kept_copy import KeptCopy

NOISE = ("actions", "following")  # what a Replay has to hand out, each of the action's shape


def soft_targets(
    rewards: Tensor, discounts: Tensor, values: Tensor, log_probs: Tensor, temperature: Tensor
) -> Tensor:
    """Return ``reward + discount * (min of the two values - temperature * log-density)``.

    rewards, discounts, log_probs: [B]; values: [2, B] of what followed (equations 2, 3 and 5,
    with two critics as in section 6)

    >>> values = torch.tensor([[2.0], [3.0]])
    >>> soft_targets(torch.ones(1), torch.ones(1), values, torch.ones(1), torch.tensor(0.5))
    tensor([2.5000])
    """
    return rewards + discounts * (values.min(0).values - temperature * log_probs)


class SoftCritics(BaseObjective):
    """Bring both critics to the soft targets, which slowly following copies of them give.

    rate: how much of the critics the copies take over after each step (tau)
    Raises UserError for a rate outside (0, 1].
    """

    def __init__(self, *, rate: float = 0.005, moves: str = "critics") -> None:
        if not 0 < rate <= 1:
            raise UserError(f"rate={rate}", rule="a share of the critics, more than 0, at most 1")
        self.rate, self.moves = rate, moves
        self._kept = KeptCopy()

    def __call__(self, model: nn.Module, batch: ReplayBatch, context: Context) -> Loss:
        """Compute half the squared errors of both critics, summed over the batch."""
        soft = cast(SoftActorCritic, model)
        with torch.no_grad():
            units, log_probs = soft.drawn(batch.following, batch.noise["following"])
            values = self._kept.of(soft.critics)(batch.following, units)
            warmth = soft.temperature()
            wanted = soft_targets(batch.rewards, batch.discounts, values, log_probs, warmth)
        found = soft.critics(batch.observations, soft.units(batch.actions))
        error = 0.5 * (found - wanted).square().sum()
        return Loss({"value": Term(error, len(wanted))}, feedback=(wanted - found[0]).detach())

    @torch.no_grad()
    def after_step(self, model: nn.Module, context: Context) -> None:
        """Move the copies towards the critics."""
        soft = cast(SoftActorCritic, model)
        pairs = zip(
            self._kept.of(soft.critics).parameters(), soft.critics.parameters(), strict=True
        )
        for kept, now in pairs:
            kept.lerp_(now, self.rate)

    def state_dict(self) -> State:
        """Return the weights of the copies, once there are some."""
        return self._kept.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._kept.load_state_dict(state)


class SoftPolicy(BaseObjective):
    """Move the policy to what the critics value, and to many ways of doing it (equation 9)."""

    def __init__(self, *, moves: str = "actor") -> None:
        self.moves = moves

    def __call__(self, model: nn.Module, batch: ReplayBatch, context: Context) -> Loss:
        """Compute the summed ``temperature * log-density - value`` of actions drawn anew."""
        soft = cast(SoftActorCritic, model)
        units, log_probs = soft.drawn(batch.observations, batch.noise["actions"])
        values = soft.critics(batch.observations, units).min(0).values
        warmth = soft.temperature().detach()
        return Loss({"policy": Term((warmth * log_probs - values).sum(), len(values))})


class SoftTemperature(BaseObjective):
    """Make the temperature such that the policy keeps an entropy (equation 18).

    entropy: to be kept, in nats, of actions in [-1, 1]; the paper takes minus the numbers in an
    action, and so does None. As in the authors' code the logarithm of the temperature is moved.
    """

    def __init__(self, *, entropy: float | None = None, moves: str = "temperature") -> None:
        self.entropy, self.moves = entropy, moves

    def __call__(self, model: nn.Module, batch: ReplayBatch, context: Context) -> Loss:
        """Compute the summed ``log temperature * (entropy of the policy - entropy to keep)``."""
        soft = cast(SoftActorCritic, model)
        with torch.no_grad():
            units, log_probs = soft.drawn(batch.observations, batch.noise["actions"])
        kept = -float(units.shape[1]) if self.entropy is None else self.entropy
        spare = -(log_probs + kept)
        return Loss({"temperature": Term((soft.temperature.logarithm * spare).sum(), len(units))})
