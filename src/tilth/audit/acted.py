"""What reports of policies share: acting at random beside them, spreads, films."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from tilth.audit import words
from tilth.audit.film import FRAMES, film
from tilth.audit.judged import Contestant, Section
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold
from tilth.tasks import Array
from tilth.tasks._acting import Acting, RandomPolicy, as_world
from tilth.tasks._setup import Setup

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
LUCK = (
    "Luck: the intervals cover the choice of episodes, not training again with another seed; "
    "learning to act depends on it more than most."
)
SAFETY = "Safety: what it does in situations that these episodes did not bring about."


def by_chance(task: Acting, setup: Setup, *, seed: int) -> Contestant:
    """Return how the test episodes go for one who acts at random."""
    begun = time.perf_counter()
    generator = torch.Generator().manual_seed(fold(seed, "random policy"))
    policy = RandomPolicy(as_world(setup.data).environment(1), generator)
    values = task.values(setup, "test", policy)
    return Contestant("random", "acting at random", values, time.perf_counter() - begun)


def spread(columns: Mapping[str, Array]) -> Section:
    """Return how numbers of the test episodes are spread: a mean hides episodes that fail.

    columns: name -> [episodes]
    """
    rows = [
        [name, *(words.number(float(np.quantile(column, part))) for part in QUANTILES)]
        for name, column in columns.items()
    ]
    ends = ["Least", "A quarter below", "Middle", "A quarter above", "Most"]
    table = {"head": ["Over the test episodes", *ends], "rows": rows}
    return Section("Good and bad episodes", table=table)


def films(setup: Setup, policies: Mapping[str, nn.Module], *, seed: int) -> Section:
    """Return one episode of each policy (what it is called -> model), all from the same start."""
    strips = []
    for title, policy in policies.items():
        world = as_world(setup.data).environment(1)
        begin = fold(seed, "film") % SEEDS
        most = FRAMES // len(policies)
        try:
            drawn = film(policy, world, seed=begin, device=setup.device, frames=most)
        except UserError as error:
            return Section("An episode", lines=[f"No film: {error}"])
        strips.append({"title": title, "shown": [{"gif": drawn}]})
    return Section("An episode", strips=strips)
