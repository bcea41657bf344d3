"""Ways to learn to act: the source that acts, the objectives, the players, and usual numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from tilth.contracts import Objective, Player, Source
from tilth.data.environment import Environment
from tilth.data.episodes import Episodes
from tilth.data.exploration import Exploration
from tilth.data.replay import Replay
from tilth.data.rollout import Rollout
from tilth.data.usual import Usual
from tilth.data.world import World
from tilth.errors import UserError
from tilth.objectives.parallel_q import ParallelQ
from tilth.objectives.proximal import Proximal
from tilth.objectives.q_learning import QLearning
from tilth.objectives.reinforce import Reinforce
from tilth.objectives.soft_actor_critic import NOISE, SoftCritics, SoftPolicy, SoftTemperature
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import Sizes
from tilth.train.schedules import SCHEDULES

FRAMES = 10_000  # between two looks at valid: one epoch


@dataclass(frozen=True)
class Method(ABC):
    """How a policy is learned.

    copies: of the world that acts; discount: gamma
    """

    copies: int
    discount: float

    name: ClassVar[str]
    model: ClassVar[str]
    lr: ClassVar[float] = 1e-3
    schedule: ClassVar[str] = "linear"
    clip: ClassVar[float] = 0.5
    epochs: ClassVar[int] = 10
    optimizer: ClassVar[Any] = torch.optim.Adam

    @abstractmethod
    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return the sizes of batches and epochs."""

    @abstractmethod
    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return what acts."""

    @abstractmethod
    def objectives(self) -> list[Objective]:
        """Return what is minimised, in order."""

    def players(self, setup: Setup) -> dict[str, Player]:
        """Return the one player, who moves the whole model."""
        return {"model": mover(setup.model, setup, self.optimizer)}

    def model_arguments(self, world: World) -> dict[str, Any]:
        """Return what the builder of the model must know."""
        found = world.model_arguments()
        if "choices" not in found:
            raise UserError(
                f"{self.name} in {world.name}, where actions are numbers",
                rule=f"{self.name} chooses among actions",
                fix='take method="sac" or method="ppo"',
            )
        return found

    def usual(self) -> Usual:
        """Return the usual numbers of training."""
        return Usual(
            model=self.model,
            lr=self.lr,
            weight_decay=0.0,
            batch_size=0,
            epochs=(self.epochs, self.epochs),
            label_smoothing=0.0,
            baseline_rows=0,
            unchecked=World.usual.unchecked,
            schedule=self.schedule,
            clip=self.clip,
            augment=False,
        )


def mover(module: nn.Module, setup: Setup, usual: Any) -> Player:
    """Return a player that moves a module, by the usual optimizer or the user's own.

    The usual one has the epsilon of Andrychowicz et al. 2021 (section 3.4).
    """
    plan, parameters = setup.plan, list(module.parameters())
    make: Callable[[nn.Module], torch.optim.Optimizer] = setup.optimizer or (
        lambda one: usual(one.parameters(), plan.lr, eps=1e-5)
    )
    return Player(parameters, make(module), SCHEDULES[plan.schedule](), plan.clip or None)


@dataclass(frozen=True)
class OnPolicy(Method):
    """Act for ``steps`` steps of each copy, learn from them in ``passes`` passes, forget them.

    trace: lambda of returns and advantages; minibatches: of a pass
    """

    steps: int
    minibatches: int
    passes: int
    trace: float

    normalise: ClassVar[bool] = False

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return minibatches of a rollout; an epoch is the rollouts that make up its frames."""
        frames = self.steps * self.copies
        parts = self.minibatches if batch_size is None else max(1, frames // batch_size)
        rollouts = max(1, round(FRAMES / frames))
        reasons = {"batch_size": f"{parts} minibatches of {frames:,} frames"}
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


class ProximalMethod(OnPolicy):
    """PPO with generalised advantages (Schulman et al. 2017)."""

    name, model, normalise = "ppo", "actor_critic", True

    def objectives(self) -> list[Objective]:
        """Return the clipped surrogate, values and entropy."""
        return [Proximal(entropy_weight=0.0)]

    def model_arguments(self, world: World) -> dict[str, Any]:
        """Return choices, or how many numbers an action has."""
        found = world.model_arguments()
        numbers = len(found.pop("low", ()))
        found.pop("high", None)
        return found if "choices" in found else {**found, "numbers": numbers}


class ParallelQMethod(OnPolicy):
    """PQN (Gallici et al. 2024)."""

    name, model, clip, epochs = "pqn", "q_network", 10.0, 20
    optimizer = torch.optim.RAdam  # as in the paper

    def objectives(self) -> list[Objective]:
        """Return the error of Q(lambda)."""
        return [ParallelQ()]

    def explore(self, setup: Setup) -> Exploration:
        """Explore less and less in the first half of the frames."""
        return Exploration(1.0, 0.05, self.frames(setup) // 2)


class ReinforceMethod(Method):
    """The policy gradient over whole episodes (Williams 1992)."""

    name, model, clip, lr = "reinforce", "actor_critic", 2.0, 1e-2

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return 25 batches of one episode of each copy as an epoch."""
        if batch_size is not None:
            raise UserError(
                f"batch_size={batch_size} for {self.name}",
                rule="a batch is one whole episode of each copy, however long",
                fix="leave it out, or set copies",
            )
        reasons = {"epochs": f"{25 * self.copies} episodes in each"}
        return Sizes(self.copies, 25, epochs or 5, reasons)

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return whole episodes."""
        return Episodes(world, discount=self.discount, seed=seed)

    def objectives(self) -> list[Objective]:
        """Return the log-probabilities weighed by returns."""
        return [Reinforce()]


@dataclass(frozen=True)
class OffPolicy(Method):
    """Learn from a memory of ``capacity`` frames, ``updates_per_frame`` times for each new one."""

    capacity: int
    updates_per_frame: float
    warm_up: int

    batch: ClassVar[int] = 128

    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return the updates that an epoch's frames are worth."""
        steps = round(FRAMES * self.updates_per_frame)
        reasons = {"epochs": f"{FRAMES:,} frames of {self.copies} copies in each"}
        return Sizes(batch_size or self.batch, steps, epochs or self.epochs, reasons)

    def memory(self, setup: Setup, world: Environment, seed: int, **more: Any) -> Replay:
        """Return the memory with what all of these share."""
        return Replay(
            world,
            capacity=self.capacity,
            batch_size=setup.plan.batch_size,
            updates_per_frame=self.updates_per_frame,
            warm_up=self.warm_up,
            discount=self.discount,
            seed=seed,
            **more,
        )


class QLearningMethod(OffPolicy):
    """Double DQN (van Hasselt et al. 2016)."""

    name, model, clip, epochs, batch = "dqn", "q_network", 10.0, 5, 64

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Explore less and less in the first sixth of the frames, learn over three steps."""
        frames = int(setup.plan.total_steps / self.updates_per_frame)
        explore = Exploration(1.0, 0.04, frames // 6)
        return self.memory(setup, world, seed, n_step=3, explore=explore)

    def objectives(self) -> list[Objective]:
        """Return the error towards the target network."""
        return [QLearning(target_every=128)]


class SoftMethod(OffPolicy):
    """Soft actor-critic (Haarnoja et al. 2018)."""

    name, model, schedule, clip = "sac", "soft_actor_critic", "constant", 0.0
    epochs = 1

    def model_arguments(self, world: World) -> dict[str, Any]:
        """Return the numbers seen and the bounds of an action."""
        found = world.model_arguments()
        if "low" not in found or found.pop("size") != 1:
            raise UserError(
                f"sac in {world.name}",
                rule="it sees numbers and acts with numbers",
                fix='take method="pqn" or method="ppo"',
            )
        return found

    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return the memory, with the noise that actions are made of."""
        noise = dict.fromkeys(NOISE, world.action.shape)
        return self.memory(setup, world, seed, explore=Exploration(1.0), noise=noise)

    def objectives(self) -> list[Objective]:
        """Return critics, policy and temperature."""
        return [SoftCritics(rate=0.01), SoftPolicy(), SoftTemperature()]

    def players(self, setup: Setup) -> dict[str, Player]:
        """Return one player for each of them."""
        parts = ("critics", "actor", "temperature")
        return {name: mover(getattr(setup.model, name), setup, self.optimizer) for name in parts}


METHODS: dict[str, Method] = {
    "pqn": ParallelQMethod(16, 0.99, steps=32, minibatches=4, passes=4, trace=0.9),
    "ppo": ProximalMethod(8, 0.98, steps=32, minibatches=1, passes=10, trace=0.8),
    "reinforce": ReinforceMethod(4, 0.99),
    "dqn": QLearningMethod(8, 0.99, capacity=50_000, updates_per_frame=0.5, warm_up=1000),
    "sac": SoftMethod(4, 0.99, capacity=20_000, updates_per_frame=1.0, warm_up=1000),
}
