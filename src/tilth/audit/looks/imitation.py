"""The look at a policy that imitates: beside the same net trained by the other loss, and chance."""

from __future__ import annotations

import copy
import dataclasses
import time
from typing import Any

from torch import nn

from tilth.audit.acted import LUCK, SAFETY, by_chance, films, spread
from tilth.audit.forks import forks
from tilth.audit.judged import Contestant, judged
from tilth.data.road_world import RoadWorld
from tilth.models.mixture_density import MixtureDensity
from tilth.nn.begin_anew import begun_anew
from tilth.randomness import fold
from tilth.tasks._loop import loop_of
from tilth.tasks._setup import Setup
from tilth.tasks.imitate import LOSSES, Imitate, demonstrated
from tilth.train.streams import seeded

NAMES = {"likelihood": "the mixture", "squared_error": "the squared error"}
UNCHECKED = (
    LUCK,
    SAFETY,
    "Who is imitated: what they do wrong is learned too.",
)


def imitation(task: Imitate, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a policy that imitates; test is played here, once."""
    world = demonstrated(setup.data)
    values = task.values(setup, "test")
    begun = time.perf_counter()
    twin, loss = other_loss(task, setup)
    twin_values = task.values(setup, "test", twin)
    other = Contestant(
        "other_loss",
        f"the same net, trained by {NAMES[loss]}",
        twin_values,
        time.perf_counter() - begun,
        [f"{setup.plan.total_steps:,} steps on the same frames, as many as the net: last weights"],
    )
    columns = {
        "Return of this net": values[:, 1],
        f"Return by {NAMES[loss]}": twin_values[:, 1],
    }
    shown = {"This net": setup.model, f"The same net, trained by {NAMES[loss]}": twin}
    sections = [spread(columns), films(setup, shown, seed=seed)]
    if isinstance(world.environment(1), RoadWorld):
        both = {task.loss: setup.model, loss: twin}
        named = {NAMES[name]: both[name] for name in LOSSES}
        sections.insert(0, forks(world, named, device=setup.device, seed=seed))
    return judged(
        task,
        world,
        Contestant("net", "this net", values),
        [other, by_chance(task, setup, seed=seed)],
        subtitle=f"Acting in {world.name} as its driver does, learned by {NAMES[task.loss]}",
        things="episodes",
        sections=sections,
        not_checked=(*UNCHECKED, world.usual.unchecked),
        seed=seed,
    )


def other_loss(task: Imitate, setup: Setup) -> tuple[nn.Module, str]:
    """Train the same net as long on the same frames by the other loss; return it and the loss."""
    (loss,) = set(LOSSES) - {task.loss}
    other, plan, begun = Imitate(task.frames, loss), setup.plan, copy.deepcopy(setup.model)
    if isinstance(begun, MixtureDensity):  # one Gaussian has no second road, several need weights
        components = other.model_arguments(setup.data)["components"]
        begun.head = nn.Linear(begun.head.in_features, 3 * components)
    with seeded(fold(plan.seed, "model"), setup.device):
        own = dataclasses.replace(setup, model=begun_anew(begun).to(setup.device))
    loop_of(own, other.parts(own), seed=fold(plan.seed, "phase", setup.phase)).fit()
    return own.model, loss
