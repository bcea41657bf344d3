"""A world to act in, as data: what is learned from is what acting in it brings."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tilth.arguments import check_arguments
from tilth.data.dataset import Data, Finding, Target
from tilth.data.environment import Environment, Policy
from tilth.data.gym_copies import ATARI, has_time_limit
from tilth.data.gym_environment import GymEnvironment
from tilth.data.mini_pong import MiniPong
from tilth.data.observations import Observations
from tilth.data.road_world import RoadDriver, RoadWorld
from tilth.data.usual import Usual
from tilth.errors import UserError, first_line

OWN = {"MiniPong": MiniPong, "RoadWorld": RoadWorld}
"""Worlds of the package; every other name is gymnasium's."""
DRIVERS: dict[str, Callable[[Any], Policy]] = {"RoadWorld": RoadDriver}
"""Who acts in a world of the package and knows what it does not show."""
VALID, TEST = 20, 100
"""Episodes that choose the weights, and others that judge them."""
FEW_VALID, FEW_TEST = 5, 20  # of games that take thousands of steps


@dataclass(kw_only=True, repr=False)
class World(Data):
    """An environment by name; valid and test are episodes that learning never sees.

    arguments: plain values for its constructor; observation and action are its spaces
    """

    arguments: dict[str, Any]

    kind: ClassVar[str] = "world"
    usual: ClassVar[Usual] = Usual(
        model="",
        lr=1e-3,
        weight_decay=0.0,
        batch_size=256,
        epochs=(1, 1),
        label_smoothing=0.0,
        baseline_rows=0,
        unchecked="Other worlds: friction, delays, noise in what it sees, anything that differs "
        "from this simulation.",
    )

    def __post_init__(self) -> None:
        one = self.environment(1)
        self.observation, self.action = one.observation, one.action
        self.preprocessor = Observations(self.observation, self.action, self.name, self.arguments)

    def environment(self, copies: int, *, judged: bool = False) -> Environment:
        """Return so many copies of the world, each with episodes of its own.

        judged: whether a score is counted in it: that of an Atari game is not of cut rewards
        """
        if self.name in OWN:
            return self._own(copies)
        cut = {"reward_clipping": False} if judged and self.name.startswith(ATARI) else {}
        return GymEnvironment(self.name, copies, arguments={**self.arguments, **cut})

    def _own(self, copies: int) -> Environment:
        kind = OWN[self.name]
        own = set(inspect.signature(kind).parameters) - {"copies", "device"}
        check_arguments(self.name, self.arguments, sorted(own))
        try:
            made: Environment = kind(copies, **self.arguments)
        except TypeError as error:
            raise UserError(
                f"{self.name} with {self.arguments} ({first_line(error)})",
                rule="arguments of a world are those of its constructor",
                fix="change or leave out one of " + ", ".join(self.arguments),
            ) from error
        return made

    def driver(self, environment: Environment) -> Policy:
        """Return who acts well in copies of this world; raise UserError where nobody does."""
        if self.name not in DRIVERS:
            raise UserError(
                f"demonstrations in {self.name}",
                rule="somebody has to show what to do in it",
                choices=DRIVERS,
                fix="for its reward it is learned without: leave the task out",
            )
        return DRIVERS[self.name](environment)

    def item_id(self, row: int) -> str:
        """Return the name of an episode."""
        return f"episode {row}"

    def findings(self) -> list[Finding]:
        """Nothing is looked for: a world has no rows that could be wrong."""
        return []

    def fingerprint(self) -> str:
        """Return a SHA-256 of the name and the arguments."""
        told = json.dumps([self.name, self.arguments], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def model_arguments(self) -> dict[str, Any]:
        """Return what is seen and what can be done: channels, size, choices or numbers."""
        seen, does = self.observation, self.action
        channels = seen.choices or (seen.shape[0] if seen.shape else 1)
        found: dict[str, Any] = {"channels": channels, "size": list(seen.shape[1:]) or 1}
        if does.is_choice:
            return {**found, "choices": does.choices}
        if len(does.shape) != 1:
            raise UserError(
                f"actions of the shape {does.shape} in {self.name}",
                rule="an action is a choice or a list of numbers",
            )
        return {**found, "low": list(does.low), "high": list(does.high)}

    def describe(self) -> dict[str, Any]:
        """Return what is seen and done in it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "observation": _told(self.observation.shape, self.observation.choices),
            "action": _told(self.action.shape, self.action.choices),
            "episodes": {name: len(rows) for name, rows in self.splits.items()},
        }


def _told(shape: tuple[int, ...], choices: int) -> str:
    if choices:
        return f"one of {choices}"
    return f"{'pictures' if len(shape) == 3 else 'numbers'} {list(shape)}"


def open_world(name: str, arguments: Mapping[str, Any] | None = None) -> World:
    """Return the world of a name: ``MiniPong``, ``RoadWorld`` or one that gymnasium knows.

    Raises UserError for names that nobody knows and worlds that tilth cannot act in, or whose
    episodes need not end.

    >>> open_world("CartPole-v1").model_arguments()
    {'channels': 4, 'size': 1, 'choices': 2}
    """
    known = {**(arguments or {})}
    valid, test = (FEW_VALID, FEW_TEST) if name.startswith(ATARI) else (VALID, TEST)
    splits = {
        "train": np.zeros(0, np.int64),
        "valid": np.arange(valid),
        "calibrate": np.zeros(0, np.int64),
        "test": np.arange(valid, valid + test),
    }
    world = World(name, Target("return", "reward"), splits, arguments=known)
    if name not in OWN and not has_time_limit(name, known):
        raise UserError(
            f"{name} has no time limit",
            rule="a policy that knows nothing yet must come to an end, too",
            fix='give one: arguments={"max_episode_steps": 500} '
            "(--set data.arguments.max_episode_steps=500)",
        )
    seen, does = (_told(one.shape, one.choices) for one in (world.observation, world.action))
    world.notes = [f"what is seen: {seen}", f"what is done: {does}"]
    world.origin = {"path": f"env:{name}", **({"arguments": known} if known else {})}
    return world
