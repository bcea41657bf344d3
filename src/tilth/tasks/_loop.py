"""The loop of a plan: what a learner trains by, and what a report trains a twin by."""

from __future__ import annotations

from collections.abc import Sequence

from tilth.contracts import Hook
from tilth.tasks._setup import Setup, TrainingParts
from tilth.train.loop import Loop


def loop_of(setup: Setup, parts: TrainingParts, *, seed: int, hooks: Sequence[Hook] = ()) -> Loop:
    """Return the loop that trains the setup's model for its plan's steps, numerics and slices.

    parts: what the model learns by; hooks: beside those of the parts
    """
    plan = setup.plan
    return Loop(
        setup.model,
        parts.objectives,
        parts.source,
        parts.players,
        total_steps=plan.total_steps,
        hooks=[*parts.hooks, *hooks],
        micro_batches=plan.micro_batches,
        numerics=plan.numerics,
        seed=seed,
        device=setup.device,
    )
