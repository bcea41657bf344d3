"""Acting in a world for the reward it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from tilth.data.dataset import Data, Target
from tilth.data.environment import Environment
from tilth.data.usual import Usual
from tilth.data.world import World
from tilth.errors import UserError, choose
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._item_means import mean_of
from tilth.tasks._methods import METHODS, Method
from tilth.tasks._setup import Setup, TrainingParts
from tilth.train.play import Played, play

TARGET = "reward"


class Control:
    """A policy that gains as much reward as it can in an episode."""

    name = "control"
    answers, look = "actions", "episodes"
    main_metric = "return"

    def __init__(self, method: str | None) -> None:
        if method is not None:
            choose(method, METHODS, "method")
        self.asked = method
        self.metrics: Mapping[str, Metric] = {
            "return": Metric("return", mean_of(0)),
            "length": Metric("length", mean_of(1)),
        }

    def method(self, data: Data) -> Method:
        """Return the method asked for; else PQN where actions are choices, SAC for numbers."""
        world = as_world(data)
        return METHODS[self.asked or ("pqn" if world.action.is_choice else "sac")]

    def adapt(self, data: Data) -> Data:
        """Return the world; raise UserError for data that is none."""
        return as_world(data)

    def usual(self, data: Data) -> Usual:
        """Return the defaults of the method."""
        return self.method(data).usual()

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return what is seen and done in the world."""
        return self.method(data).model_arguments(as_world(data))

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Any:
        """Return the sizes of the method."""
        return self.method(data).sizes(batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Let the model act once; raise UserError where it cannot."""
        if setup.loss is not None:
            raise UserError("a loss of your own for control", fix="leave loss out")
        world = as_world(setup.data)
        if not callable(getattr(setup.model, "act", None)):
            raise UserError(
                f"{type(setup.model).__name__} for control",
                rule="a policy has act(observations, generator=, explore=)",
                fix=f"take {self.usual(world).model}, or give it that method",
            )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return what the method learns with, in a world of the phase's own."""
        method = self.method(setup.data)
        seed = fold(setup.plan.seed, "phase", setup.phase)
        world = as_world(setup.data).environment(method.copies)
        source = method.source(setup, world, seed)
        return TrainingParts(method.objectives(), source, method.players(setup))

    def played(self, setup: Setup, split: str, model: nn.Module | None = None) -> Played:
        """Return how the episodes of a split go, without exploring."""
        data = as_world(setup.data)
        world = data.environment(len(data.splits[split]))
        seed = fold(0, "episodes", split)  # the same for every run, so that runs can be compared
        policy = (model or setup.model).to(setup.device)
        return play(policy, world, seed=seed, device=setup.device)

    def values(self, setup: Setup, split: str) -> Array:
        """Return [episodes, 2] returns and lengths of a split."""
        return as_values(self.played(setup, split))

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return the mean return and length over the episodes of a split."""
        means = self.values(setup, split).mean(axis=0)
        return dict(zip(self.metrics, means.tolist(), strict=True))


def as_values(played: Played) -> Array:
    """Return [episodes, 2] returns and lengths."""
    return np.stack([played.returns.numpy(), played.lengths.double().numpy()], axis=1)


def as_world(data: Data) -> World:
    """Return the data as a world; raise UserError where it is a data set."""
    if isinstance(data, World):
        return data
    raise UserError(
        f"control of {data.name}",
        rule="acting needs a world to act in",
        fix='tl.world("CartPole-v1"), or `tilth train env:CartPole-v1`',
    )


class RandomPolicy(nn.Module):
    """Chooses without looking: the simplest way to act."""

    def __init__(self, world: Environment, generator: torch.Generator) -> None:
        super().__init__()
        self.world, self.generator = world, generator

    def act(self, observations: Any, *, generator: torch.Generator, explore: float) -> Any:
        """Return any action."""
        from tilth.data.replay import any_action
        from tilth.nn.action import Action

        return Action(any_action(self.world.action, len(observations), self.generator), {})


def control(*, target: Target, method: str | None = None) -> Control:
    """Return the task of acting; method: "pqn", "dqn", "ppo", "reinforce" or "sac".

    >>> control(target=Target("return", "reward"), method="ppo").main_metric
    'return'
    """
    return Control(method)
