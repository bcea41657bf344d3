"""How a task that predicts is trained and judged: one objective, one player, rows of train."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import nn

from tilth.contracts import Objective, Player
from tilth.data.dataset import Prepare, Store, as_rows, as_they_are
from tilth.data.source import DatasetSource
from tilth.errors import UserError
from tilth.nn.layer_groups import group_parameters, layer_groups
from tilth.objectives.supervised import Supervised
from tilth.randomness import fold
from tilth.tasks._check_outputs import check_outputs
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._setup import MakeOptimizer, Setup, TrainingParts
from tilth.train.evaluate import Outputs, evaluate
from tilth.train.optimizers import adamw, decay_groups, layered_adamw
from tilth.train.plan import Plan
from tilth.train.schedules import SCHEDULES

if TYPE_CHECKING:
    from tilth.tasks._predicting import Predicting

STEADY_BETAS = (0.5, 0.999)  # Radford et al. 2016, section 4


def parts(task: Predicting, setup: Setup) -> TrainingParts:
    """Return one objective and one player on shuffled batches of train."""
    return TrainingParts([objective(task, setup)], rows_of_train(setup), {"model": player(setup)})


def objective(task: Predicting, setup: Setup) -> Objective:
    """Return what a step minimises: the task's loss, or the user's own."""
    if setup.loss is None:
        return task.objective()
    if getattr(setup.loss, "reduction", "mean") == "sum":
        return Supervised(setup.loss, reduction="sum")
    if setup.plan.micro_batches > 1:
        return Supervised(setup.loss, reduction="rows")
    return Supervised(setup.loss, reduction="mean", separable=False)


def rows_of_train(
    setup: Setup, prepare: Prepare | None = None, store: Store | None = None
) -> DatasetSource:
    """Return the training batches of a phase; prepare, store: in place of the data's own."""
    data, plan = as_rows(setup.data), setup.plan
    seed = fold(plan.seed, "phase", setup.phase)
    return DatasetSource(
        store or data.store,
        data.wanted if store is None else data.targets,
        data.splits["train"],
        plan.batch_size,
        prepare=prepare or data.prepare(train=plan.augment, seed=seed),
        follow=data.follow(train=plan.augment, seed=seed) if store is None else as_they_are,
        seed=seed,
        device=setup.device,
    )


def player(setup: Setup) -> Player:
    """Return the one player, who moves every parameter that takes a gradient."""
    plan = setup.plan
    trained = [p for p in setup.model.parameters() if p.requires_grad]
    if not trained:
        raise UserError("no parameter of the model requires a gradient", fix="unfreeze some")
    usual = functools.partial(adamw, lr=plan.lr, decay=plan.weight_decay)
    make: MakeOptimizer = setup.optimizer or (layered(plan) if plan.rates else usual)
    return Player(trained, make(setup.model), SCHEDULES[plan.schedule](), plan.clip or None)


def layered(plan: Plan) -> MakeOptimizer:
    """Return what makes the optimizer of a plan with a rate for each layer group."""
    return lambda model: layered_adamw(
        group_parameters(layer_groups(model)), plan.rates, decay=plan.weight_decay
    )


def steady_player(
    module: nn.Module, setup: Setup, betas: tuple[float, float] = STEADY_BETAS
) -> Player:
    """Return who moves one of several parts: AdamW whose betas stay, or the user's own optimizer.

    The rate follows the plan's schedule; with a schedule's high momenta, players circle each other.
    """
    plan, rate = setup.plan, SCHEDULES[setup.plan.schedule]()

    def usual(moved: nn.Module) -> torch.optim.Optimizer:
        groups = decay_groups([moved], plan.weight_decay)
        return torch.optim.AdamW(groups, lr=plan.lr, betas=betas, fused=True)

    make: MakeOptimizer = setup.optimizer or usual
    moved = [p for p in module.parameters() if p.requires_grad]
    return Player(moved, make(module), lambda done: (rate(done)[0], None), plan.clip or None)


def outputs(setup: Setup, split: str) -> Outputs:
    """Return the model's raw outputs over a split."""
    data = as_rows(setup.data)
    batches = judged_rows(data, data.splits[split], setup)
    return evaluate(setup.model, batches, numerics=setup.plan.numerics, device=setup.device)


def check(task: Predicting, setup: Setup) -> None:
    """Try the model on two rows of train, before anything is trained or written."""
    data = as_rows(setup.data)
    (batch,) = judged_rows(data, data.splits["train"][:2], setup)
    seed = fold(setup.plan.seed, "model")
    check_outputs(setup.model, batch, task, setup.device, seed=seed)
