"""Methods that learn from a memory of what was done before: DQN, SAC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tilth.contracts import Objective, Player, Source
from tilth.data.environment import Environment
from tilth.data.exploration import Exploration
from tilth.data.replay import Replay
from tilth.data.world import World
from tilth.errors import UserError
from tilth.objectives.q_learning import QLearning
from tilth.objectives.soft_actor_critic import NOISE, SoftCritics, SoftPolicy, SoftTemperature
from tilth.tasks._method import Method, choices, falling, mover
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import Sizes

FEW = 32  # frames of a copy to try a model on


@dataclass(frozen=True, kw_only=True)
class OffPolicy(Method):
    """Learn from a memory of ``capacity`` frames, ``updates_per_frame`` times for each new one.

    saved: whether checkpoints hold the memory; without it a resume fills it anew
    """

    capacity: int
    updates_per_frame: float
    warm_up: int
    saved: bool = True

    batch: ClassVar[int] = 128

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return the updates that an epoch's frames are worth."""
        steps = round(self.epoch_frames * self.updates_per_frame)
        told = f"{self.epoch_frames:,} frames of {self.copies} copies in each"
        reasons = {} if epochs else {"epochs": told}
        return Sizes(batch_size or self.batch, steps, epochs or self.epochs, reasons)

    def few(self, setup: Setup, world: Environment) -> Source:
        """Return a small memory that is soon filled."""
        small = replace(self, capacity=FEW * world.copies, warm_up=FEW * world.copies // 2)
        return small.source(replace(setup, plan=replace(setup.plan, batch_size=4)), world, 0)

    def memory(self, setup: Setup, world: Environment, seed: int, **more: Any) -> Replay:
        """Return the memory with what all of these share."""
        return Replay(
            world,
            capacity=self.capacity,
            batch_size=setup.plan.batch_size,
            updates_per_frame=self.updates_per_frame,
            warm_up=self.warm_up,
            discount=self.discount,
            frames=world.observation.frames,
            saved=self.saved,
            seed=seed,
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class QLearningMethod(OffPolicy):
    """Double DQN (van Hasselt et al. 2016).

    target_every: updates between two copies of the target network
    explored: share of the frames in which exploring falls; rest: what it falls to
    """

    target_every: int = 128
    explored: float = 1 / 6
    rest: float = 0.04

    name, model, clip, batch = "dqn", "q_network", 10.0, 64

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Explore less and less in the first part of the frames, learn over three steps."""
        frames = int(setup.plan.total_steps / self.updates_per_frame)
        explore = falling(setup, self.rest, int(self.explored * frames))
        return self.memory(setup, world, seed, n_step=3, explore=explore)

    def objectives(self) -> list[Objective]:
        """Return the error towards the target network."""
        return [QLearning(target_every=self.target_every)]

    def facts(self, world: World) -> dict[str, Any]:
        """Return what is seen, and how many choices there are."""
        return choices(self.name, world)


@dataclass(frozen=True, kw_only=True)
class SoftMethod(OffPolicy):
    """Soft actor-critic (Haarnoja et al. 2018).

    following: share of the critics that their copies take over after each update (tau)
    """

    following: float = 0.005  # as in the paper

    name, model, schedule, clip = "sac", "soft_actor_critic", "constant", 0.0
    range_test = False

    def facts(self, world: World) -> dict[str, Any]:
        """Return the numbers seen and the bounds of an action."""
        found = world.model_arguments()
        if "low" not in found or found.pop("size") != 1:
            raise UserError(
                f"sac in {world.name}",
                rule="it sees numbers and acts with numbers",
                fix='take method="ppo"' if "low" in found else 'take method="pqn" or method="ppo"',
            )
        return found

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return the memory, with the noise that actions are made of."""
        noise = dict.fromkeys(NOISE, world.action.shape)
        return self.memory(setup, world, seed, explore=Exploration(1.0), noise=noise)

    def objectives(self) -> list[Objective]:
        """Return critics, policy and temperature."""
        return [SoftCritics(rate=self.following), SoftPolicy(), SoftTemperature()]

    def players(self, setup: Setup) -> dict[str, Player]:
        """Return one player for each of them."""
        parts = ("critics", "actor", "temperature")
        return {name: mover(getattr(setup.model, name), setup, self.optimizer) for name in parts}
