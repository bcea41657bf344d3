"""What somebody who can does in a world, to be imitated."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tilth.data.environment import Environment, Policy
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold


class Demonstrations(NamedTuple):
    """What was seen, and what who can wanted to do then; both [frames, *shape]."""

    observations: Tensor
    actions: Tensor


def demonstrations(
    environment: Environment,
    policy: Policy,
    *,
    frames: int,
    disturbance: float = 0.0,
    persistence: float = 0.9,
    seed: int = 0,
) -> Demonstrations:
    """Let ``policy`` act for ``frames`` steps in all copies together, and keep what it wanted.

    What is done is disturbed and what is kept is not, so that the way back to the right path is
    seen too (Laskey et al. 2017, "DART: noise injection for robust imitation learning").
    disturbance: standard deviation of what is added to each number of an action; it lasts: the
    correlation from one step to the next is ``persistence``
    Raises UserError for choices, which cannot be disturbed so, and a persistence outside [0, 1).

    >>> from tilth.data.road_world import RoadDriver, RoadWorld
    >>> world = RoadWorld(copies=2)
    >>> demonstrations(world, RoadDriver(world), frames=6).actions.shape
    torch.Size([6, 1])
    """
    if environment.action.is_choice or not 0 <= persistence < 1:
        raise UserError(
            f"persistence={persistence}, {environment.action.choices} choices",
            rule="actions are numbers, and a disturbance lasts for a share of itself below 1",
        )
    generator = torch.Generator().manual_seed(fold(seed, "disturbance"))
    environment.reset(fold(seed, "demonstrations") % SEEDS)
    shape = (environment.copies, *environment.action.shape)
    added = disturbance * torch.randn(shape, generator=generator)
    fresh = disturbance * math.sqrt(1 - persistence**2)
    seen, wanted = [], []
    for _ in range(math.ceil(frames / environment.copies)):
        actions = policy.act(environment.seen, generator=generator, explore=0.0).actions
        seen.append(environment.seen)
        wanted.append(actions)
        environment.step(actions + added.to(actions))
        added = persistence * added + fresh * torch.randn(shape, generator=generator)
    return Demonstrations(torch.cat(seen)[:frames], torch.cat(wanted)[:frames])
