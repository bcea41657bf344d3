"""The policy gradient: actions that were followed by more become likelier."""

from __future__ import annotations

from typing import cast

from torch import nn

from tilth.contracts import BaseObjective, Context, Loss, Term
from tilth.data.rollout import RolloutBatch
from tilth.nn.judged import Judge


class Reinforce(BaseObjective):
    """Minimise ``-advantages * log p(actions)`` (Williams 1992, equation 11).

    What the advantages are, the source says: discounted returns, less a baseline where it has
    one, normalised or not. With ``value_weight`` the model's values learn the returns, so that
    they can be that baseline.
    value_weight: of half the squared error of the values

    >>> import torch
    >>> from tilth.models.actor_critic import actor_critic
    >>> batch = RolloutBatch(torch.zeros(4, 3), torch.zeros(4).long(), *torch.zeros(2, 4), {})
    >>> list(Reinforce()(actor_critic(channels=3, choices=2), batch, None).parts)
    ['policy']
    """

    def __init__(self, *, value_weight: float = 0.0, moves: str = "model") -> None:
        self.value_weight, self.moves = value_weight, moves

    def __call__(self, model: nn.Module, batch: RolloutBatch, context: Context) -> Loss:
        """Compute the sums of a batch of whole episodes, or of a slice of it."""
        log_probs, _, values = cast(Judge, model).judge(batch.observations, batch.actions)
        count = len(batch.returns)
        parts = {"policy": Term(-(batch.advantages * log_probs).sum(), count)}
        if self.value_weight > 0:
            error = 0.5 * (values - batch.returns).square().sum()
            parts["value"] = Term(error, count, self.value_weight)
        return Loss(parts)
