"""What tasks share whose model acts in a world: episodes are played, and judged by their ends."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from tilth.data.dataset import Data
from tilth.data.environment import Environment, Policy
from tilth.data.replay import any_action
from tilth.data.usual import Usual
from tilth.data.world import World
from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._check_outputs import first_answer
from tilth.tasks._item_means import ItemMeans
from tilth.tasks._setup import Setup
from tilth.train.play import Played, play


class Acting(ItemMeans):
    """A task whose model has ``act``, judged by whole episodes without exploring."""

    name: str
    metrics: Mapping[str, Metric]
    main_metric: str
    answers = "actions"

    @abstractmethod
    def usual(self, data: Data) -> Usual:
        """Return the defaults for this world."""

    @abstractmethod
    def episode_values(self, played: Played) -> Array:
        """Return [episodes, metrics], in the order of ``metrics``."""

    def check(self, setup: Setup) -> None:
        """Let the model act once; raise UserError where it cannot, and for a loss of one's own."""
        if setup.loss is not None:
            raise UserError(f"a loss of your own for {self.name}", fix="leave loss out")
        if not callable(getattr(setup.model, "act", None)):
            raise UserError(
                f"{type(setup.model).__name__} for {self.name}",
                rule="a policy has act(observations, generator=, explore=)",
                fix=f"take {self.usual(setup.data).model}, or give it that method",
            )
        seen = as_world(setup.data).environment(2).reset(0).to(setup.device)
        stream = torch.Generator(setup.device).manual_seed(0)
        policy = cast(Policy, setup.model)
        act = functools.partial(policy.act, generator=stream, explore=1.0)
        first_answer(setup.model, seen, setup.device, seed=fold(setup.plan.seed, "model"), ask=act)

    def played(self, setup: Setup, split: str, model: nn.Module | None = None) -> Played:
        """Return how the episodes of a split go; model: another one than the setup's."""
        data = as_world(setup.data)
        world = data.environment(len(data.splits[split]), judged=True)
        seed = fold(0, "episodes", split)  # the same for every run, so that runs can be compared
        policy = (model or setup.model).to(setup.device)
        return play(policy, world, seed=seed, device=setup.device)

    def values(self, setup: Setup, split: str, model: nn.Module | None = None) -> Array:
        """Return [episodes, metrics] of a split."""
        return self.episode_values(self.played(setup, split, model))


def as_world(data: Data) -> World:
    """Return the data as a world; raise UserError where it is a data set."""
    if isinstance(data, World):
        return data
    raise UserError(
        f"acting in {data.name}",
        rule="acting needs a world to act in",
        fix='tl.world("CartPole-v1"), or `tilth train env:CartPole-v1`',
    )


class RandomPolicy(nn.Module):
    """Chooses without looking: the simplest way to act."""

    def __init__(self, world: Environment, generator: torch.Generator) -> None:
        super().__init__()
        self.world, self.generator = world, generator

    def act(self, observations: Any, *, generator: torch.Generator, explore: float) -> Action:
        """Return any action."""
        return Action(any_action(self.world.action, len(observations), self.generator))
