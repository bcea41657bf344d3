"""Methods that learn from what the policy does now, and forget it: PPO, PQN, REINFORCE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch

from tilth.contracts import Objective, Source
from tilth.data.environment import Environment
from tilth.data.episodes import Episodes
from tilth.data.exploration import Exploration
from tilth.data.rollout import Rollout
from tilth.data.world import World
from tilth.errors import UserError
from tilth.objectives.parallel_q import ParallelQ
from tilth.objectives.proximal import Proximal
from tilth.objectives.reinforce import Reinforce
from tilth.tasks._method import EPSILON, Method, choices, falling
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import Sizes


@dataclass(frozen=True, kw_only=True)
class OnPolicy(Method):
    """Act for ``steps`` steps of each copy, learn from them in ``passes`` passes, forget them.

    trace: lambda of returns and advantages; minibatches: of a pass
    """

    steps: int
    minibatches: int
    passes: int
    trace: float

    normalise: ClassVar[bool] = False
    measured = True

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return minibatches of a rollout; an epoch is the rollouts that make up its frames.

        Raises UserError for a batch that does not divide a rollout, or cannot be normalised.
        """
        frames, least = self.steps * self.copies, 2 if self.normalise else 1
        if batch_size is not None and (batch_size < least or frames % batch_size):
            offered = [size for size in range(least, frames + 1) if frames % size == 0]
            nearest = min(offered, key=lambda size: abs(size - batch_size))
            raise UserError(
                f"batch_size={batch_size} for {self.name}",
                rule=f"a batch is an even part of {frames:,} frames, and of {least} at least",
                fix=f"batch_size={nearest}, or leave it out",
            )
        parts = self.minibatches if batch_size is None else frames // batch_size
        rollouts = max(1, round(self.epoch_frames / frames))
        reasons = {}
        if batch_size is None:
            reasons["batch_size"] = f"{parts} minibatches of {frames:,} frames"
        if epochs is None:
            reasons["epochs"] = f"{rollouts * frames:,} frames of {self.copies} copies in each"
        return Sizes(
            frames // parts, rollouts * parts * self.passes, epochs or self.epochs, reasons
        )

    def explore(self, setup: Setup) -> Exploration:
        """Return how much is explored."""
        return Exploration(1.0)

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return rollouts of the model as it is."""
        return Rollout(
            world,
            steps=self.steps,
            minibatches=self.steps * self.copies // setup.plan.batch_size,
            passes=self.passes,
            discount=self.discount,
            trace=self.trace,
            normalise=self.normalise,
            explore=self.explore(setup),
            seed=seed,
        )

    def frames(self, setup: Setup) -> int:
        """Return the frames of the whole training."""
        parts = self.steps * self.copies // setup.plan.batch_size
        return setup.plan.total_steps // (parts * self.passes) * self.steps * self.copies


@dataclass(frozen=True, kw_only=True)
class ProximalMethod(OnPolicy):
    """PPO with generalised advantages (Schulman et al. 2017).

    reach: how far from 1 a ratio of chances may gain; entropy: its weight
    """

    reach: float = 0.2
    entropy: float = 0.0

    name, model, normalise = "ppo", "actor_critic", True

    def objectives(self) -> list[Objective]:
        """Return the clipped surrogate, values and entropy."""
        return [Proximal(clip=self.reach, entropy_weight=self.entropy)]

    def facts(self, world: World) -> dict[str, Any]:
        """Return choices, or how many numbers an action has."""
        found = world.model_arguments()
        numbers = len(found.pop("low", ()))
        found.pop("high", None)
        return found if "choices" in found else {**found, "numbers": numbers}


@dataclass(frozen=True, kw_only=True)
class ParallelQMethod(OnPolicy):
    """PQN (Gallici et al. 2024).

    explored: share of the frames in which exploring falls; rest: what it falls to
    """

    explored: float = 0.5
    rest: float = 0.05

    name, model, clip = "pqn", "q_network", 10.0
    optimizer = partial(torch.optim.RAdam, eps=EPSILON)  # as in the paper

    def objectives(self) -> list[Objective]:
        """Return the error of Q(lambda)."""
        return [ParallelQ()]

    def facts(self, world: World) -> dict[str, Any]:
        """Return what is seen, and how many choices there are."""
        return choices(self.name, world)

    def explore(self, setup: Setup) -> Exploration:
        """Explore less and less in the first part of the frames."""
        return falling(setup, self.rest, int(self.explored * self.frames(setup)))


class ReinforceMethod(Method):
    """The policy gradient over whole episodes (Williams 1992); values learn the returns beside it.

    They are no baseline: docs/log.md.
    """

    name, model, clip = "reinforce", "actor_critic", 2.0

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return 25 batches of one episode of each copy as an epoch."""
        if batch_size is not None:
            raise UserError(
                f"batch_size={batch_size} for {self.name}",
                rule="a batch is one whole episode of each copy, however long",
                fix="leave it out",
            )
        reasons = {} if epochs else {"epochs": f"{25 * self.copies} episodes in each"}
        return Sizes(self.copies, 25, epochs or self.epochs, reasons)

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return whole episodes."""
        return Episodes(world, discount=self.discount, seed=seed)

    def objectives(self) -> list[Objective]:
        """Return the log-probabilities weighed by returns, and the error of the values."""
        return [Reinforce(value_weight=0.5)]

    def facts(self, world: World) -> dict[str, Any]:
        """Return what is seen, and how many choices there are."""
        return choices(self.name, world)
