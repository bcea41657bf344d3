"""Fine-tuning: the head of a body that knows something learns first, then the rest with it.

The numbers are those of fastai's ``fine_tune`` (Howard and Gugger 2020): the head alone at the rate
that was asked for, then every layer with half of it for the head and a hundredth of that for the
first layers. Two departures: each phase has the schedule of the run (there, the first one rises for
99 % of its steps), and ``gradual`` adds what ULMFiT does in between (Howard and Ruder 2018, section
3.3): one layer group more in each phase.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import nn

from tilth import registry
from tilth.errors import UserError
from tilth.flow.settings import TrainSettings
from tilth.nn.frozen import check_count
from tilth.nn.layer_groups import layer_groups
from tilth.train.optimizers import layer_rates
from tilth.train.plan import Plan

if TYPE_CHECKING:
    from tilth.flow.learner import Learner
    from tilth.flow.run import Run

LATER = 0.5  # the rate of the head once its body moves, of what it was before
FIRST_LAYERS = 0.01  # their rate, of the head's
Rate = float | tuple[float, ...]


@dataclass(frozen=True)
class Stage:
    """One phase of fine-tuning: its epochs, how many layer groups rest, and its peak rates."""

    epochs: int
    frozen: int
    lr: Rate


def stages(
    epochs: int, *, freeze_epochs: int, groups: int, lr: float, gradual: bool = False
) -> list[Stage]:
    """Return the phases of fine-tuning a model of so many layer groups.

    epochs: of the whole model; freeze_epochs: of each phase before; lr: the head's first rate

    >>> [(stage.epochs, stage.frozen) for stage in stages(5, freeze_epochs=1, groups=3, lr=0.1)]
    [(1, 2), (5, 0)]
    >>> more = stages(5, freeze_epochs=1, groups=3, lr=0.1, gradual=True)
    >>> [(stage.epochs, stage.frozen) for stage in more]
    [(1, 2), (1, 1), (5, 0)]
    """
    slower = (lr * LATER * FIRST_LAYERS, lr * LATER)
    between = range(groups - 2, 0, -1) if gradual else ()
    return [
        Stage(freeze_epochs, groups - 1, lr),
        *(Stage(freeze_epochs, frozen, slower) for frozen in between),
        Stage(epochs, 0, slower),
    ]


def plain_rate(lr: Any) -> Any:
    """Return a rate as a setting: of ``slice(first, last)`` both, of ``slice(last)`` that one.

    >>> plain_rate(slice(0.1)), plain_rate(slice(0.1, 0.2)), plain_rate(0.1)
    ((0.1,), (0.1, 0.2), 0.1)
    """
    if not isinstance(lr, slice):
        return lr
    if lr.stop is None or lr.step is not None:
        rule = "slice(last), or slice(first, last) for the first layers and the head"
        raise UserError(f"lr={lr}", rule=rule)
    return (lr.stop,) if lr.start is None else (lr.start, lr.stop)


def with_layers(plan: Plan, settings: TrainSettings, model: nn.Module) -> Plan:
    """Return the plan with a rate for each layer group where several were asked for."""
    plan = replace(plan, frozen=settings.frozen or 0)
    if not isinstance(settings.lr, tuple):
        return plan
    groups = len(layer_groups(model))
    if groups == 1:
        check_count(0, groups, type(model).__name__)
    return replace(plan, rates=layer_rates(settings.lr, groups))


def told_of_layers(plan: Plan, settings: TrainSettings) -> dict[str, str]:
    """Return what is frozen when, in words; nothing where nothing is."""
    told = {"frozen": f"{plan.frozen} of the layer groups"} if plan.frozen else {}
    if settings.freeze_epochs is not None:
        steps = "then a layer group more at a time, " if settings.gradual else ""
        first = f"{settings.freeze_epochs} before these with the head alone"
        told["fine-tuning"] = f"{first}, {steps}then everything"
    return told


def check_known(learner: Learner, what: str, *, only_warn: bool = False) -> None:
    """Raise UserError where the body has its first values: it knows nothing that could be kept.

    A module of the user's own may bring what it knows, and nobody else can tell.
    """
    own = learner.architecture["name"] not in registry.names("tilth.models")
    given = learner.given_arguments.get("weights") or learner.given_arguments.get("pretrained")
    if own or given or learner.warm_start or learner.phases_done:
        return
    found = f"{what} of {learner.architecture['name']} at its first values"
    rule = "what is held still should know something; these weights were never trained"
    fix = "warm_start= a bundle or run (--warm-start), weights of a backbone, or fit first"
    if not only_warn:
        raise UserError(found, rule=rule, fix=fix)
    warnings.warn(f"{found}: {rule}. {fix}", stacklevel=4)


def fine_tune(learner: Learner, *, resume: bool) -> Run:
    """Train the phases that the learner's settings ask for; return the run."""
    asked, plan = learner.settings, learner.plan
    check_known(learner, "fine-tuning")
    groups = len(layer_groups(learner.model))
    check_count(groups - 1, groups, learner.architecture["name"])
    run = learner.begin(resume=resume)
    recorded = run.folder.config.get("phase", [])[learner.phases_done :]
    phases = stages_of(learner, plan, recorded[0]["lr"] if recorded else first_rate(learner, plan))
    for stage in phases:
        enter(learner, stage, asked, phases)
        run = learner.train_phase(resume=resume)
    return run


def stages_of(learner: Learner, plan: Plan, lr: float) -> list[Stage]:
    """Return the phases that a learner's settings ask for; lr: the head's first rate."""
    asked = learner.settings
    assert asked.freeze_epochs is not None
    return stages(
        plan.epochs,
        freeze_epochs=asked.freeze_epochs,
        groups=len(layer_groups(learner.model)),
        lr=lr,
        gradual=bool(asked.gradual),
    )


def enter(learner: Learner, stage: Stage, asked: TrainSettings, phases: Sequence[Stage]) -> None:
    """Give a learner the settings of one of the phases, and freeze what rests in it."""
    learner.settings = settings_of(stage, asked, phases)
    learner.freeze_to(stage.frozen)


def first_rate(learner: Learner, plan: Plan) -> float:
    """Return the head's rate: as asked, as a range test found, or as is usual."""
    found = learner.lr_finding
    if learner.settings.lr is None and found is not None and found.confident:
        return found.suggestion
    return plan.lr


def settings_of(stage: Stage, asked: TrainSettings, phases: Sequence[Stage]) -> TrainSettings:
    """Return the settings of one phase; a time budget is shared out by epochs."""
    share = stage.epochs / sum(one.epochs for one in phases)
    return replace(
        asked,
        epochs=stage.epochs,
        lr=stage.lr,
        minutes=None if asked.minutes is None else asked.minutes * share,
        freeze_epochs=None,
        gradual=None,
    )
