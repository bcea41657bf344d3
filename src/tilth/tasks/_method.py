"""A way to learn to act: the source that acts, the objectives, the players, and usual numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn

from tilth.contracts import Objective, Player, Source
from tilth.data.environment import Environment
from tilth.data.exploration import Exploration
from tilth.data.rollout import Rollout
from tilth.data.usual import Usual
from tilth.data.world import World
from tilth.errors import UserError
from tilth.tasks._setup import Setup
from tilth.tasks._sizes import Sizes
from tilth.train.schedules import SCHEDULES

EPSILON = 1e-5  # of Adam and its kin (Andrychowicz et al. 2021, section 3.4)


def adam(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
    """Return Adam, fused: one pass over the weights."""
    return torch.optim.Adam(parameters, lr, eps=EPSILON, fused=True)


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """How a policy is learned.

    copies: of the world that acts; discount: gamma; lr: peak rate
    epoch_frames: about how many frames between two looks at valid; epochs: how many of them
    network: arguments of the usual net where they are not its own defaults
    """

    copies: int
    discount: float
    lr: float = 1e-3
    epoch_frames: int = 10_000
    epochs: int = 10
    network: Mapping[str, Any] = field(default_factory=dict)

    name: ClassVar[str]
    model: ClassVar[str]
    schedule: ClassVar[str] = "linear"
    clip: ClassVar[float] = 0.5
    range_test: ClassVar[bool] = True  # whether one loss tells which rate is right
    measured: ClassVar[bool] = False  # whether a batch is soon there to time a gradient of
    optimizer: ClassVar[Any] = staticmethod(adam)

    @abstractmethod
    def sizes(self, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return the sizes of batches and epochs."""

    @abstractmethod
    def source(self, setup: Setup, world: Environment, seed: int) -> Source:
        """Return what acts."""

    def few(self, setup: Setup, world: Environment) -> Source:
        """Return a source of a few rows like those that are learned from, to try a model on."""
        return Rollout(world, steps=2)

    @abstractmethod
    def objectives(self) -> list[Objective]:
        """Return what is minimised, in order."""

    @abstractmethod
    def facts(self, world: World) -> dict[str, Any]:
        """Return what is seen and done in the world, as the model's arguments."""

    def players(self, setup: Setup) -> dict[str, Player]:
        """Return the one player, who moves the whole model."""
        return {"model": mover(setup.model, setup, self.optimizer)}

    def model_arguments(self, world: World) -> dict[str, Any]:
        """Return what the builder of the model must know."""
        return {**self.facts(world), **self.network}

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
            range_test=self.range_test,
            idle=("weight_decay",),
            measured=False,
        )


def choices(name: str, world: World) -> dict[str, Any]:
    """Return the facts of a world of choices; raise UserError where actions are numbers."""
    found = world.model_arguments()
    if "choices" not in found:
        sac = 'method="sac" or ' if found["size"] == 1 else ""
        raise UserError(
            f"{name} in {world.name}, where actions are numbers",
            rule=f"{name} chooses among actions",
            fix=f'take {sac}method="ppo"',
        )
    return found


def falling(setup: Setup, rest: float, frames: int) -> Exploration:
    """Return exploring that falls from 1 to ``rest``; a later phase begins where it rests.

    What was learned in the phase before is not given up for random choices.
    """
    return Exploration(rest if setup.phase else 1.0, rest, frames)


def mover(module: nn.Module, setup: Setup, usual: Any) -> Player:
    """Return a player that moves a module, by the usual optimizer or the user's own."""
    plan, parameters = setup.plan, list(module.parameters())
    make: Callable[[nn.Module], torch.optim.Optimizer] = setup.optimizer or (
        lambda one: usual(one.parameters(), plan.lr)
    )
    return Player(parameters, make(module), SCHEDULES[plan.schedule](), plan.clip or None)
