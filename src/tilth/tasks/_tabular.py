"""Methods that learn a table of what each choice is worth in each numbered state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tilth.contracts import Objective, Source
from tilth.data.dyna import Dyna
from tilth.data.environment import Environment
from tilth.data.world import World
from tilth.errors import UserError
from tilth.objectives.q_learning import QLearning
from tilth.tasks._acting import as_world
from tilth.tasks._method import Method, choices, falling
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import Sizes


@dataclass(frozen=True, kw_only=True)
class TabularMethod(Method):
    """Q-learning (Watkins 1989), one transition at a time; the rate is its step size.

    explored: share of the frames in which exploring falls; rest: what it falls to
    """

    explored: float = 0.5
    rest: float = 0.05

    name, model, clip, range_test = "q_learning", "q_table", 0.0, False
    optimizer = torch.optim.SGD  # its step is Watkins' update

    def __post_init__(self) -> None:
        if self.copies != 1:
            raise UserError(f"copies={self.copies}", rule="a table is learned in one copy")

    @property
    def imagined(self) -> int:
        """How many remembered transitions are learned from after each step in the world."""
        return 0

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return batches of one transition; an epoch is its frames and what is imagined of them."""
        if batch_size not in (None, 1):
            raise UserError(
                f"batch_size={batch_size} for {self.name}",
                rule="a table learns from one transition after the other",
                fix="leave it out",
            )
        steps = self.epoch_frames * (1 + self.imagined)
        reasons = {} if epochs else {"epochs": f"{self.epoch_frames:,} frames in each"}
        return Sizes(1, steps, epochs or self.epochs, reasons)

    def few(self, setup: Setup, world: Environment) -> Source:
        """Return transitions of one copy."""
        return self.source(setup, as_world(setup.data).environment(1), 0)

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Explore less and less in the first part of the frames."""
        frames = setup.plan.total_steps // (1 + self.imagined)
        explore = falling(setup, self.rest, int(self.explored * frames))
        planning, discount = self.imagined, self.discount
        return Dyna(world, planning=planning, discount=discount, explore=explore, seed=seed)

    def objectives(self) -> list[Objective]:
        """Return half the squared error towards the table itself, whose slope is Watkins' step."""
        return [QLearning(target_every=1, double=False, squared=True)]

    def facts(self, world: World) -> dict[str, Any]:
        """Return how many states and choices there are; raise UserError where there are none."""
        found = choices(self.name, world)
        if not world.observation.is_choice:
            raise UserError(
                f"{self.name} in {world.name}, where what is seen has no number",
                rule="a table has a row for each numbered state, as in FrozenLake-v1",
                fix='take method="pqn"',
            )
        return found


@dataclass(frozen=True, kw_only=True)
class DynaMethod(TabularMethod):
    """Dyna-Q (Sutton and Barto 2018, section 8.2): few real steps, for worlds without chance.

    planning: remembered transitions that are learned from after each real one
    """

    planning: int = 10

    name = "dyna_q"

    @property
    def imagined(self) -> int:
        """How many remembered transitions are learned from after each step in the world."""
        return self.planning
