"""Environments of gymnasium and the Arcade Learning Environment, several copies side by side."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.contracts import State
from tilth.data.environment import Stepped
from tilth.data.episode_record import EpisodeRecord
from tilth.data.gym_copies import AtariCopies, CartPoleCopies, make_copies
from tilth.data.gym_spaces import to_actions, to_space, to_tensor
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold


class GymEnvironment:
    """Copies of a registered environment; ends are told apart and begin anew in the same step.

    Each episode has a seed of its own, a function of (seed, copy, number of the episode). CartPole
    is continued from its arrays; any other by playing its running episodes again and comparing
    checksums of all that was seen. Where these differ, episodes begin anew, with a warning, and
    ``exact_resume`` is False from then on.
    name: as gymnasium knows it ("CartPole-v1", "Pendulum-v1", "ALE/Pong-v5")
    arguments: plain values for the environment's own constructor
    Raises UserError where a package is missing, for unknown names, and for spaces that are neither
    choices nor numbers.

    >>> world = GymEnvironment("CartPole-v1", copies=2)
    >>> world.reset(seed=0).shape, world.action.choices
    (torch.Size([2, 4]), 2)
    >>> world.step(torch.tensor([0, 1])).rewards
    tensor([1., 1.])
    """

    def __init__(
        self, name: str, copies: int = 1, *, arguments: Mapping[str, Any] | None = None
    ) -> None:
        if copies < 1:
            raise UserError(f"copies={copies}", rule="there is at least one copy")
        self.name, self.copies, self.exact_resume = name, copies, True
        self._world = make_copies(name, copies, arguments or {})
        shown = to_space(self._world.world.single_observation_space, "observation")
        stacked = shown.shape[0] if isinstance(self._world, AtariCopies) else 1
        self.observation = replace(shown, frames=stacked)
        self.action = to_space(self._world.world.single_action_space, "action")
        self._record = None if isinstance(self._world, CartPoleCopies) else EpisodeRecord(copies)
        self._seed, self._episodes = 0, np.zeros(copies, np.int64)
        self.seen = torch.zeros(0)

    def reset(self, seed: int) -> Tensor:
        """Begin new episodes in all copies; return [copies, *shape] observations."""
        self._seed, self._episodes = seed, np.zeros(self.copies, np.int64)
        self.seen = self._begin(np.ones(self.copies, bool))
        return self.seen

    def _begin(self, which: Any) -> Tensor:
        seeds = [0] * self.copies
        for copy in np.flatnonzero(which).tolist():
            seeds[copy] = fold(self._seed, copy, int(self._episodes[copy])) % SEEDS
        seen = self._world.begin(which, seeds)
        if self._record is not None:
            self._record.begin(which, seeds, seen)
        return to_tensor(seen, self.observation)

    def step(self, actions: Tensor) -> Stepped:
        """Act in all copies; numbers beyond the bounds of an action are cut off."""
        chosen = to_actions(actions, self.action)
        seen, rewards, terminated, truncated = self._world.step(chosen)
        if self._record is not None:
            self._record.add(chosen, seen)
        finals = self.seen = to_tensor(seen, self.observation)
        ended = terminated | truncated
        if ended.any():
            self._episodes += ended
            self.seen = self._begin(ended)
        return Stepped(
            self.seen,
            torch.from_numpy(np.array(rewards, np.float32)),
            torch.from_numpy(np.array(terminated)),
            torch.from_numpy(np.array(truncated & ~terminated)),
            finals,
        )

    def picture(self) -> Tensor:
        """Return the first copy as [3, height, width] uint8; raise UserError where it cannot."""
        drawn = np.array(self._world.picture(), np.uint8)
        return torch.from_numpy(drawn).permute(2, 0, 1).contiguous()

    def state_dict(self) -> State:
        """Return the seed, the numbers of the episodes, and what continues them."""
        world = self._world if isinstance(self._world, CartPoleCopies) else self._record
        assert world is not None
        return {
            "seed": self._seed,
            "episodes": torch.from_numpy(self._episodes.copy()),
            "world": world.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave; warn where it cannot be continued exactly."""
        self._seed, self._episodes = state["seed"], state["episodes"].clone().numpy()
        if isinstance(self._world, CartPoleCopies):
            seen = self._world.load_state_dict(state["world"])
        else:
            assert self._record is not None
            self._record.load_state_dict(state["world"])
            seen = self._record.play(self._world)
        if seen is not None:
            self.seen = to_tensor(seen, self.observation)
            return
        self.exact_resume = False
        warnings.warn(
            f"{self.name} played again from its seeds and actions showed something else: its "
            "episodes begin anew, so this is not to the bit the run that was interrupted",
            stacklevel=2,
        )
        self.reset(fold(self._seed, "again") % SEEDS)
