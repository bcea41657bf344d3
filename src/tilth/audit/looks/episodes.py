"""The look at a policy: how its episodes go beside those of one that acts at random."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from tilth.audit import words
from tilth.audit.film import film
from tilth.audit.judged import Contestant, Section, judged
from tilth.randomness import fold
from tilth.tasks import Array
from tilth.tasks._setup import Setup
from tilth.tasks.control import Control, RandomPolicy, as_values, as_world

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
UNCHECKED = (
    "Luck: the intervals cover the choice of episodes, not training again with another seed; "
    "learning to act depends on it more than most.",
    "Safety: what it does in situations that these episodes did not bring about.",
    "Shortcuts: whether it gains reward in a way that nobody meant.",
)


def episodes(task: Control, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a policy; the test episodes are played here, once."""
    world = as_world(setup.data)
    values = task.values(setup, "test")
    begun = time.perf_counter()
    generator = torch.Generator().manual_seed(fold(seed, "random policy"))
    by_chance = RandomPolicy(world.environment(1), generator)
    chance = as_values(task.played(setup, "test", by_chance))
    random = Contestant("random", "acting at random", chance, time.perf_counter() - begun)
    method = task.method(world).name
    return judged(
        task,
        world,
        Contestant("net", "this net", values),
        [random],
        subtitle=f"Acting in {world.name}, learned by {method}",
        things="episodes",
        sections=[_spread(values, chance), _film(setup, seed)],
        not_checked=(*UNCHECKED, world.usual.unchecked),
        seed=seed,
    )


def _spread(values: Array, chance: Array) -> Section:
    """Return how the returns are spread: a mean hides episodes that fail."""
    rows = [
        [name, *(words.number(float(np.quantile(column, part))) for part in QUANTILES)]
        for name, column in (
            ("Return of this net", values[:, 0]),
            ("Return at random", chance[:, 0]),
            ("Length with this net", values[:, 1]),
        )
    ]
    ends = ["Least", "A quarter below", "Middle", "A quarter above", "Most"]
    head = ["Over the test episodes", *ends]
    return Section("Good and bad episodes", table={"head": head, "rows": rows})


def _film(setup: Setup, seed: int) -> Section:
    drawn = film(
        setup.model,
        as_world(setup.data).environment(1),
        seed=fold(seed, "film") % 2**31,
        device=setup.device,
    )
    if drawn is None:
        return Section("An episode", lines=["This world cannot be drawn."])
    strip = {"title": "One episode, without exploring", "shown": [{"gif": drawn}]}
    return Section("An episode", strips=[strip])
