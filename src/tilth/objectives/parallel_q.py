"""PQN: Q-learning from many copies at once, without a memory and without a target network."""

from __future__ import annotations

from torch import nn

from tilth.contracts import BaseObjective, Context, Loss, Term
from tilth.data.rollout import RolloutBatch


class ParallelQ(BaseObjective):
    """Squared error between the values of the actions taken and their Q(lambda) returns.

    Gallici et al. 2024, "Simplifying deep temporal difference learning", algorithm 1; its
    stability rests on the layer normalisation of ``q_network``. The returns come with a
    ``Rollout``, made from the values at the time of acting. Departure: none of the half before
    the square, which an adaptive optimizer does not see.

    >>> import torch
    >>> batch = RolloutBatch(torch.ones(2, 1), torch.tensor([0, 1]), torch.ones(2), None, {})
    >>> net = nn.Linear(1, 2)
    >>> _ = net.weight.data.fill_(0), net.bias.data.fill_(0)
    >>> float(ParallelQ()(net, batch, None).parts["td"].total.detach())
    2.0
    """

    def __init__(self, *, moves: str = "model") -> None:
        self.moves = moves

    def __call__(self, model: nn.Module, batch: RolloutBatch, context: Context) -> Loss:
        """Compute the summed squared error of a minibatch."""
        values = model(batch.observations).float()
        taken = values.gather(1, batch.actions[:, None]).squeeze(1)
        error = batch.returns - taken
        return Loss({"td": Term((error**2).sum(), len(error))}, feedback=error.detach())
