"""DQN: Q-learning from a memory, towards a network of before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Context, Loss, State, Term
from tilth.data.replay import ReplayBatch
from tilth.errors import UserError
from tilth.objectives._kept_copy import KeptCopy


class QLearning(BaseObjective):
    """Huber error between the values of the actions taken and what followed them.

    Mnih et al. 2015, "Human-level control through deep reinforcement learning" (its errors are
    clipped, which is Huber's loss); over n steps where the ``Replay`` says so. The target network
    is this objective's: a copy of the model, brought up to date every ``target_every`` steps.
    double: the model chooses what follows and the target network values it (van Hasselt et al.
    2016, equation 4); otherwise the target network does both
    squared: half the squared error instead; with target_every=1, a table, one row a batch and plain
    gradient descent it is the Q-learning of Watkins (1989), the learning rate being his
    Raises UserError where ``target_every`` is below 1.

    >>> objective = QLearning(target_every=100)
    >>> objective.moves
    'model'
    """

    def __init__(
        self,
        *,
        target_every: int = 500,
        double: bool = True,
        squared: bool = False,
        moves: str = "model",
    ) -> None:
        if target_every < 1:
            raise UserError(f"target_every={target_every}", rule="it is at least 1 step")
        self.target_every, self.double = target_every, double
        self.squared, self.moves = squared, moves
        self._kept = KeptCopy()

    def __call__(self, model: nn.Module, batch: ReplayBatch, context: Context) -> Loss:
        """Compute the summed error of a batch."""
        target = self._kept.of(model)
        with torch.no_grad():
            following = target(batch.following).float()
            chooser = model(batch.following) if self.double else following
            wanted = targets(batch.rewards, batch.discounts, following, chooser)
        taken = model(batch.observations).float().gather(1, batch.actions[:, None]).squeeze(1)
        error = 0.5 * (wanted - taken) ** 2 if self.squared else huber(taken, wanted)
        return Loss({"td": Term(error.sum(), len(taken))}, feedback=(wanted - taken).detach())

    def after_step(self, model: nn.Module, context: Context) -> None:
        """Bring the target network up to date when it is due."""
        if (context.step + 1) % self.target_every == 0:
            self._kept.of(model).load_state_dict(model.state_dict())

    def state_dict(self) -> State:
        """Return the target network's weights, once there is one."""
        return self._kept.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._kept.load_state_dict(state)


def huber(taken: Tensor, wanted: Tensor) -> Tensor:
    """Return [B] half the squared error, beyond an error of 1 its tangent."""
    return F.huber_loss(taken, wanted, reduction="none")


def targets(rewards: Tensor, discounts: Tensor, following: Tensor, chooser: Tensor) -> Tensor:
    """Return ``reward + discount * following[argmax chooser]``.

    rewards, discounts: [B]; following, chooser: [B, choices] values of what followed

    >>> worth = torch.tensor([[1.0, 5.0]])
    >>> targets(torch.ones(1), torch.tensor([0.5]), worth, -worth)
    tensor([1.5000])
    """
    best = chooser.argmax(1, keepdim=True)
    return rewards + discounts * following.gather(1, best).squeeze(1)
