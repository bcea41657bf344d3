"""From settings and data to a plan: what was not given is filled in, with the reason."""

from __future__ import annotations

import math
from dataclasses import replace

from tilth.data.dataset import Data
from tilth.errors import UserError, choose
from tilth.flow import defaults
from tilth.flow.settings import TrainSettings, plain_settings
from tilth.tasks import Task
from tilth.train.numerics import DTYPES, Numerics
from tilth.train.pace import Pace
from tilth.train.plan import Plan
from tilth.train.schedules import SCHEDULES


def make_plan(data: Data, task: Task, settings: TrainSettings, *, device: str) -> Plan:
    """Resolve the settings for this data; numerics and time budget are filled in later.

    Raises UserError for values that cannot be.
    """
    check_train_settings(settings)
    usual = task.usual(data)
    sizes = task.sizes(data, settings.batch_size, settings.epochs)
    epochs, steps, reasons = sizes.epochs, sizes.steps_per_epoch, dict(sizes.reasons)
    if settings.lr is None:
        reasons["lr"] = "the default for this kind of data"
    smoothing = settings.label_smoothing
    return Plan(
        epochs=epochs,
        batch_size=sizes.batch_size,
        steps_per_epoch=steps,
        total_steps=steps * epochs,
        lr=settings.lr[-1] if isinstance(settings.lr, tuple) else settings.lr or usual.lr,
        schedule=settings.schedule or usual.schedule,
        weight_decay=pick(settings.weight_decay, usual.weight_decay),
        label_smoothing=pick(smoothing, defaults.label_smoothing(usual, data)),
        clip=pick(settings.clip, usual.clip),
        micro_batches=settings.micro_batches,
        patience=int(pick(settings.patience, defaults.patience(epochs))),
        augment=usual.augment if settings.augment is None else settings.augment,
        seed=settings.seed,
        device=device,
        numerics=Numerics(
            settings.dtype or "float32",
            bool(settings.channels_last),
            False,  # only a measurement that it wins switches compilation on
            settings.threads,
        ),
        reasons=reasons,
        asked=plain_settings(settings),
    )


def pick(given: float | None, default: float) -> float:
    """Return what was given, else the default."""
    return default if given is None else given


def check_train_settings(settings: TrainSettings) -> None:
    """Raise UserError for names that are not offered and values outside their range."""
    for value, offered, what in (
        (settings.schedule, SCHEDULES, "schedule"),
        (settings.dtype, DTYPES, "number type"),
    ):
        if value is not None:
            choose(value, offered, what)
    _check_ranges(settings)


def _check_ranges(settings: TrainSettings) -> None:
    least = {"epochs": 1, "batch_size": 1, "micro_batches": 1, "threads": 0, "patience": 0}
    least |= {"freeze_epochs": 1, "frozen": 0}
    for name, low in least.items():
        value = getattr(settings, name)
        if value is not None and value < low:
            raise UserError(f"{name}={value}", rule=f"{name} must be at least {low}")
    for name in ("lr", "minutes"):
        value = getattr(settings, name)
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        if not all(0 < one < math.inf for one in values):
            raise UserError(f"{name}={value}", rule=f"{name} must be above 0")
    _check_rates(settings.lr)
    for name in ("weight_decay", "clip"):
        value = getattr(settings, name)
        if value is not None and not (0 <= value < math.inf):
            raise UserError(f"{name}={value}", rule=f"{name} must not be negative")
    if not settings.checkpoint_seconds >= 0:
        raise UserError(
            f"checkpoint_seconds={settings.checkpoint_seconds}",
            rule="checkpoint_seconds must not be negative; 0 saves at every step",
        )
    if settings.label_smoothing is not None and not 0 <= settings.label_smoothing < 1:
        raise UserError(f"label_smoothing={settings.label_smoothing}", rule="between 0 and 1")


def _check_rates(lr: float | tuple[float, ...] | None) -> None:
    if not isinstance(lr, tuple):
        return
    if len(lr) not in (1, 2):
        raise UserError(f"lr={lr}", rule="one rate, or that of the first layers and of the head")
    if lr[0] > lr[-1]:
        raise UserError(
            f"lr from {lr[0]:g} to {lr[-1]:g}",
            rule="first layers know what is general, so they learn more slowly than the head",
            fix=f"slice({lr[-1]:g}, {lr[0]:g}), or --lr {lr[-1]:g}:{lr[0]:g}",
        )


RESERVE = 0.05
"""Share of a time budget that no step is planned for.

On a machine in use, steps get slower than they were when timed; what the clock then cuts off is
the end of the schedule, where the rate is low and most of the gain is (docs/log.md).
"""


def within_minutes(plan: Plan, minutes: float, pace: Pace) -> Plan:
    """Shorten the plan to the whole epochs that fit a time budget, or a part of the first.

    Never lengthened. Planned so, the schedule ends a little before the time does; that no more is
    used where the pace changes is for ``train.deadline``.
    """
    budget = 60 * minutes * (1 - RESERVE)
    fits = math.floor(budget / (plan.steps_per_epoch * pace.step + pace.look))
    if fits >= plan.epochs:
        return plan
    part = math.floor((budget - pace.look) / pace.step)
    reason = (
        f"what {1 - RESERVE:.0%} of {minutes:g} min hold: {pace.step * 1e3:.1f} ms a step and "
        f"{pace.look:.2f} s a look at valid, measured"
    )
    return replace(
        plan,
        epochs=max(1, fits),
        total_steps=fits * plan.steps_per_epoch or max(1, part),
        reasons={**plan.reasons, "epochs": reason},
    )
