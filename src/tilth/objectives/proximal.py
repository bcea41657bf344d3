"""Proximal policy optimization: several steps on the same experience, none too far."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Context, Loss, Term
from tilth.data.rollout import RolloutBatch
from tilth.nn.judged import Judge


def clipped_gain(ratios: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return [B] the clipped surrogate (Schulman et al. 2017, equation 7), to be maximised.

    ratios: new over old probability of the action

    >>> clipped_gain(torch.tensor([1.5, 1.5]), torch.tensor([1.0, -1.0]), 0.2)
    tensor([ 1.2000, -1.5000])
    """
    clipped = ratios.clamp(1 - clip, 1 + clip)
    return torch.minimum(ratios * advantages, clipped * advantages)


class Proximal(BaseObjective):
    """Raise the clipped surrogate and the entropy, bring values to the returns (equation 9).

    Advantages are taken as they come; a source that normalises them does so before the batch is
    cut. Values are not clipped, unlike in the authors' code: it was not found to help
    (Andrychowicz et al. 2021, section 3.5).
    clip: how far from 1 a ratio may gain; value_weight: of half the squared error of the values
    entropy_weight: of the entropy

    >>> from tilth.models.actor_critic import actor_critic
    >>> zeros = torch.zeros(4)
    >>> extras = {"log_probs": zeros, "values": zeros}
    >>> batch = RolloutBatch(torch.zeros(4, 3), zeros.long(), zeros, zeros, extras)
    >>> list(Proximal()(actor_critic(channels=3, choices=2), batch, None).parts)
    ['policy', 'value', 'entropy']
    """

    def __init__(
        self,
        *,
        clip: float = 0.2,
        value_weight: float = 0.5,
        entropy_weight: float = 0.01,
        moves: str = "model",
    ) -> None:
        self.clip, self.moves = clip, moves
        self.value_weight, self.entropy_weight = value_weight, entropy_weight

    def __call__(self, model: nn.Module, batch: RolloutBatch, context: Context) -> Loss:
        """Compute the three sums of a minibatch."""
        log_probs, entropies, values = cast(Judge, model).judge(batch.observations, batch.actions)
        ratios = torch.exp(log_probs - batch.extras["log_probs"])
        gain = clipped_gain(ratios, batch.advantages, self.clip).sum()
        error = 0.5 * (values - batch.returns).square().sum()
        count = len(batch.returns)
        return Loss(
            {
                "policy": Term(-gain, count),
                "value": Term(error, count, self.value_weight),
                "entropy": Term(-entropies.sum(), count, self.entropy_weight),
            }
        )
