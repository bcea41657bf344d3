"""The look at a policy: how its episodes go beside those of one that acts at random."""

from __future__ import annotations

from typing import Any

from tilth.audit.acted import LUCK, SAFETY, by_chance, films, spread
from tilth.audit.judged import Contestant, judged
from tilth.tasks._acting import as_world
from tilth.tasks._setup import Setup
from tilth.tasks.control import Control

SHORTCUTS = "Shortcuts: whether it gains reward in a way that nobody meant."
LOSS_NOTE = (
    "What is minimised moves while a policy learns: the targets are made by the policy itself. So "
    "this loss need not fall, and those of two runs cannot be compared; the return can."
)


def episodes(task: Control, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a policy; the test episodes are played here, once."""
    world = as_world(setup.data)
    values = task.values(setup, "test")
    random = by_chance(task, setup, seed=seed)
    columns = {
        "Return of this net": values[:, 0],
        "Return at random": random.values[:, 0],
        "Length with this net": values[:, 1],
    }
    found = films(setup, {"One episode, without exploring": setup.model}, seed=seed)
    return judged(
        task,
        world,
        Contestant("net", "this net", values),
        [random],
        subtitle=f"Acting in {world.name}, learned by {task.method(world).name}",
        things="episodes",
        sections=[spread(columns), found],
        not_checked=(LUCK, SAFETY, SHORTCUTS, world.usual.unchecked),
        loss_note=LOSS_NOTE,
        seed=seed,
    )
