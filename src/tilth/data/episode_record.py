"""How the running episodes came about: seeds and actions, from which they can be played again."""

from __future__ import annotations

import zlib
from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.contracts import State
from tilth.data.gym_copies import Copies


class EpisodeRecord:
    """Remembers each copy's seed, its actions since, and a checksum of what was seen.

    Only the running episodes: each begins with a seed of its own, so nothing before it matters.
    """

    def __init__(self, copies: int) -> None:
        self.copies = copies
        self.seeds = np.zeros(copies, np.int64)
        self.lengths = np.zeros(copies, np.int64)
        self.checks = np.zeros(copies, np.int64)
        self.actions: deque[Any] = deque()

    def begin(self, which: NDArray[np.bool_], seeds: list[int], seen: Any) -> None:
        """Note that episodes began in the named copies."""
        self.seeds = np.where(which, seeds, self.seeds)
        self.lengths[which], self.checks[which] = 0, 0
        self._check(which, seen)
        while len(self.actions) > self.lengths.max():
            self.actions.popleft()

    def add(self, actions: Any, seen: Any) -> None:
        """Note a step of all copies."""
        self.actions.append(np.array(actions))
        self.lengths += 1
        self._check(np.ones(self.copies, bool), seen)

    def _check(self, which: NDArray[np.bool_], seen: Any) -> None:
        for copy in np.flatnonzero(which):
            shown = np.ascontiguousarray(seen[copy])
            self.checks[copy] = zlib.crc32(shown.data, int(self.checks[copy]))

    def play(self, world: Copies) -> Any:
        """Bring the copies to where they were; return what is seen, or None if it is not the same.

        The copies step together, so a shorter episode idles until its actions begin: all of them
        end at the same step.
        """
        again = EpisodeRecord(self.copies)
        everyone, seeds, total = np.ones(self.copies, bool), self.seeds.tolist(), len(self.actions)
        seen = world.begin(everyone, seeds)
        again.begin(everyone, seeds, seen)
        for step, actions in enumerate(self.actions):
            late = self.lengths == total - step
            if step and late.any():
                seen = world.begin(late, seeds)
                again.begin(late, seeds, seen)
            seen, _, terminated, truncated = world.step(actions)
            again.add(actions, seen)
            ended = terminated | truncated
            if (ended & (self.lengths >= total - step)).any():
                return None
            if ended.any():
                seen = world.begin(ended, seeds)
        if total and (late := self.lengths == 0).any():
            seen = world.begin(late, seeds)
            again.begin(late, seeds, seen)
        return seen if np.array_equal(again.checks, self.checks) else None

    def state_dict(self) -> State:
        """Return seeds, checksums and the actions of the running episodes."""
        actions = torch.from_numpy(np.stack(self.actions)) if self.actions else None
        arrays = {"seeds": self.seeds, "lengths": self.lengths, "checks": self.checks}
        kept = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        return {**kept, "actions": actions}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.seeds, self.lengths, self.checks = (
            state[name].clone().numpy() for name in ("seeds", "lengths", "checks")
        )
        actions = state["actions"]
        self.actions = deque() if actions is None else deque(actions.clone().numpy())
