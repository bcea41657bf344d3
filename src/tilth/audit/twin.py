"""A net that a report trains to hold the run's own against: as long, and by the same loop."""

from __future__ import annotations

from collections.abc import Sequence

from tilth.contracts import Hook
from tilth.tasks._setup import Setup, TrainingParts
from tilth.train.loop import Loop


def train_twin(
    setup: Setup, parts: TrainingParts, *, seed: int, hooks: Sequence[Hook] = ()
) -> None:
    """Train the setup's model for as many steps as its plan has, in its numerics and slices.

    setup: that of the run, with another model; parts: what that model learns by
    """
    plan = setup.plan
    Loop(
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
    ).fit()
