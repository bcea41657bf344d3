"""Learning from a model of the world that is learned on the way: one real step, many imagined."""

from __future__ import annotations

import torch
from torch import nn

from tilth.contracts import BaseSource, Context, State
from tilth.data.environment import Environment, EpisodeCount
from tilth.data.exploration import Exploration
from tilth.data.replay import ReplayBatch
from tilth.data.rollout import acting
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold


class Dyna(BaseSource):
    """Dyna-Q's experience, one transition a batch (Sutton and Barto 2018, section 8.2).

    After each step in the world come ``planning`` steps of its model: what followed the last time,
    for a state and an action seen before, drawn uniformly. With planning=0 it is Q-learning's.
    environment: one copy, with numbered states and choices, that does the same each time
    Raises UserError for an environment of another kind.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        planning: int,
        discount: float = 0.95,
        explore: Exploration = Exploration(0.1),  # noqa: B008 - it is frozen
        seed: int = 0,
    ) -> None:
        spaces = environment.observation, environment.action
        if environment.copies != 1 or not all(space.is_choice for space in spaces):
            raise UserError(
                f"{environment.name} with {environment.copies} copies",
                rule="Dyna learns a table of one world with numbered states and choices",
                fix="use Replay",
            )
        self.environment, self.explore, self.seed = environment, explore, seed
        self.planning, self.discount = planning, discount
        self.frames, self.planned, self.episodes = 0, planning, EpisodeCount(1)
        self._model: dict[int, list[float]] = {}  # (state, action) -> reward, state, discount
        self._known: list[int] = []
        self._streams: dict[str, torch.Generator] = {}

    @property
    def exact_resume(self) -> bool:  # type: ignore[override]
        """Whether the environment continues to the bit."""
        return self.environment.exact_resume

    def next(self, model: nn.Module, context: Context) -> ReplayBatch:
        """Return a step of the world or, until the next is due, of its model."""
        if not self._streams:
            self._begin(context.rank)
            self.environment.reset(fold(self.seed, "world", context.rank) % SEEDS)
        if self.planned == self.planning:
            self.planned, key = 0, self._act(model)
        else:
            drawn = torch.randint(len(self._known), (1,), generator=self._streams["planning"])
            self.planned, key = self.planned + 1, self._known[int(drawn)]
        state, action = divmod(key, self.environment.action.choices)
        reward, following, discount = self._model[key]
        return ReplayBatch(
            torch.tensor([state]),
            torch.tensor([action]),
            torch.tensor([reward]),
            torch.tensor([int(following)]),
            torch.tensor([discount]),
            {},
        )

    def _begin(self, rank: int = 0) -> None:
        names = ("acting", "planning")
        self._streams = {
            name: torch.Generator().manual_seed(fold(self.seed, name, rank)) for name in names
        }

    def _act(self, model: nn.Module) -> int:
        """Take a step, remember what followed, and return the number of (state, action)."""
        world = self.environment
        with acting(model) as policy:
            explore, stream = self.explore.at(self.frames), self._streams["acting"]
            action = policy.act(world.seen, generator=stream, explore=explore).actions
        key = int(world.seen) * world.action.choices + int(action)
        stepped = world.step(action)
        self.episodes.add(stepped)
        self.frames += 1
        if key not in self._model:
            self._known.append(key)
        discount = 0.0 if stepped.terminated else self.discount
        self._model[key] = [float(stepped.rewards), float(stepped.finals), discount]
        return key

    def state_dict(self) -> State:
        """Return environment, counts, generators and the model of the world."""
        return {
            "environment": self.environment.state_dict() if self._streams else None,
            "episodes": self.episodes.state_dict(),
            "counts": [self.frames, self.planned],
            "streams": {name: stream.get_state() for name, stream in self._streams.items()},
            "known": list(self._known),
            "model": [list(self._model[key]) for key in self._known],
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.episodes.load_state_dict(state["episodes"])
        self.frames, self.planned = state["counts"]
        self._known = list(state["known"])
        self._model = dict(zip(self._known, map(list, state["model"]), strict=True))
        self._streams = {}
        if state["streams"]:
            self._begin()
            for name, stream in self._streams.items():
                stream.set_state(state["streams"][name])
            self.environment.load_state_dict(state["environment"])
