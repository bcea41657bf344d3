"""Let a policy play whole episodes in worlds of its own, to say how well it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tilth.data.environment import Environment
from tilth.data.rollout import acting
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold

LONGEST = 200_000  # steps; worlds that are meant to be learned in end before


@dataclass(frozen=True)
class Played:
    """Episodes that were played to their ends.

    returns: [episodes] float64 sums of rewards; lengths: [episodes] steps
    terminated: [episodes] bool, whether the world ended it; otherwise it was cut off
    """

    returns: Tensor
    lengths: Tensor
    terminated: Tensor

    def summary(self) -> dict[str, float]:
        """Return mean, standard error and least of the returns, and the mean length.

        >>> ends = torch.tensor([True, True])
        >>> Played(torch.tensor([1.0, 3.0]), torch.tensor([5, 5]), ends).summary()["return"]
        2.0
        """
        count = len(self.returns)
        spread = float(self.returns.std()) / count**0.5 if count > 1 else float("nan")
        return {
            "return": float(self.returns.mean()),
            "return_standard_error": spread,
            "least_return": float(self.returns.min()),
            "length": float(self.lengths.double().mean()),
        }


def play(
    model: nn.Module,
    environment: Environment,
    *,
    rounds: int = 1,
    explore: float = 0.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Played:
    """Return what a policy gains in ``rounds`` whole episodes of every copy.

    The episodes are settled before they begin: taking the first to end, whichever copy they come
    from, would favour short ones. A copy that is done goes on unseen until all are.
    environment: one that training does not use; explore: 0 for the best the policy knows
    Raises UserError where an episode does not end.
    """
    generator = torch.Generator(device).manual_seed(fold(seed, "playing"))
    environment.reset(fold(seed, "world of playing") % SEEDS)
    returns = np.zeros((rounds + 1, environment.copies))  # the last row is of what is not counted
    lengths = np.zeros((rounds + 1, environment.copies), np.int64)
    terminated = np.zeros((rounds + 1, environment.copies), bool)
    done, copies = np.zeros(environment.copies, np.int64), np.arange(environment.copies)
    with acting(model) as policy:
        for _ in range(rounds * LONGEST):
            seen = environment.seen.to(device)
            action = policy.act(seen, generator=generator, explore=explore)
            stepped = environment.step(action.actions)
            returns[done, copies] += stepped.rewards.double().cpu().numpy()
            lengths[done, copies] += 1
            terminated[done, copies] = stepped.terminated.cpu().numpy()
            done = np.minimum(done + stepped.ended.cpu().numpy(), rounds)
            if done.min() == rounds:
                counted = (one[:-1].ravel() for one in (returns, lengths, terminated))
                return Played(*(torch.from_numpy(numbers) for numbers in counted))
    raise UserError(
        f"an episode of {environment.name} has no end after {LONGEST} steps",
        fix="let the world cut episodes off",
    )
