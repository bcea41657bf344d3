"""Acting in a world for the reward it gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tilth.contracts import Context
from tilth.data.dataset import Data, Target
from tilth.data.usual import Usual
from tilth.data.world import World
from tilth.errors import UserError, choose, first_line
from tilth.nn.modes import modes_kept
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._acting import Acting, as_world
from tilth.tasks._item_means import mean_of
from tilth.tasks._method import Method
from tilth.tasks._method_settings import with_settings
from tilth.tasks._methods import METHODS, method_for
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes
from tilth.train.play import Played
from tilth.train.streams import seeded

TARGET = "reward"


class Control(Acting):
    """A policy that gains as much reward as it can in an episode."""

    name, look = "control", "episodes"
    main_metric = "return"

    def __init__(self, method: str | None, settings: Mapping[str, Any]) -> None:
        if method is not None:
            choose(method, METHODS, "method")
        self.asked, self.settings = method, settings
        self.metrics: Mapping[str, Metric] = {
            "return": Metric("return", mean_of(0)),
            "length": Metric("length", mean_of(1)),
        }

    def method(self, data: Data) -> Method:
        """Return the method asked for, or the usual one in this world."""
        return with_settings(method_for(self.asked, as_world(data)), self.settings)

    def adapt(self, data: Data) -> World:
        """Return the world; raise UserError for data that is none."""
        return as_world(data)

    def usual(self, data: Data) -> Usual:
        """Return the defaults of the method; nets that see numbers are too small to measure."""
        method, pictures = self.method(data), len(as_world(data).observation.shape) == 3
        return dataclasses.replace(method.usual(), measured=method.measured and pictures)

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return what is seen and done in the world."""
        return self.method(data).model_arguments(as_world(data))

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return the sizes of the method."""
        return self.method(data).sizes(batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Raise UserError for what ``Acting`` refuses, and a model that the method cannot judge."""
        super().check(setup)
        method, model, device = self.method(setup.data), setup.model, setup.device
        source = method.few(setup, as_world(setup.data).environment(2))
        context = Context(0, 0.0, 0, torch.Generator(device).manual_seed(0), device)
        try:
            with modes_kept(model), seeded(0, device), torch.no_grad():
                batch = source.next(model.eval(), context)
                for objective in method.objectives():
                    objective(model, batch, context)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(
                f"{type(model).__name__} with {method.name} ({first_line(error)})",
                rule=f"{method.name} learns with what the net {method.model} can do",
                fix=f"take {method.model}, or another method",
            ) from error

    def parts(self, setup: Setup) -> TrainingParts:
        """Return what the method learns with, in a world of the phase's own."""
        method = self.method(setup.data)
        seed = fold(setup.plan.seed, "phase", setup.phase)
        world = as_world(setup.data).environment(method.copies)
        source = method.source(setup, world, seed)
        return TrainingParts(method.objectives(), source, method.players(setup))

    def episode_values(self, played: Played) -> Array:
        """Return [episodes, 2] returns and lengths."""
        return np.stack([played.returns.numpy(), played.lengths.double().numpy()], axis=1)


def control(
    *, target: Target, method: str | None = None, settings: Mapping[str, Any] | None = None
) -> Control:
    """Return the task of acting.

    method: "pqn", "dqn", "ppo", "reinforce", "sac", "q_learning" or "dyna_q"; None: the usual one
    settings: numbers of the method by name, such as {"discount": 0.98}

    >>> control(target=Target("return", "reward"), method="ppo").main_metric
    'return'
    """
    return Control(method, {} if settings is None else settings)
