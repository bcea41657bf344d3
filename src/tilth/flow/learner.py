"""The Learner: data and a model, with everything else inferred and said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tilth import console, registry
from tilth.arguments import checked
from tilth.contracts import Hook
from tilth.data.array_table import ArrayTable
from tilth.data.dataset import Data, Rows
from tilth.errors import UserError
from tilth.flow.checks import check_applies, check_data, check_parts
from tilth.flow.defaults import label_smoothing
from tilth.flow.fine_tune import check_known, fine_tune, plain_rate, told_of_layers, with_layers
from tilth.flow.fitting_models import check_model_fits, named_model
from tilth.flow.phase import Phase, open_run, recorded_plans
from tilth.flow.plan import check_train_settings, make_plan, pick, within_minutes
from tilth.flow.run import Run
from tilth.flow.settings import (
    DataSettings,
    ModelSettings,
    Settings,
    TaskSettings,
    TrainSettings,
    fill,
)
from tilth.flow.warm_start import (
    ANY_NET,
    body_arguments,
    normalised_for,
    normalised_for_weights,
    read_start,
    take_body,
    usual_of,
)
from tilth.nn.frozen import Frozen, check_count
from tilth.nn.layer_groups import layer_groups
from tilth.randomness import fold
from tilth.ship.open_bundle import Contents
from tilth.tasks import Metric, Task
from tilth.tasks._choice import build_named, check_target, task_for
from tilth.tasks._loop import loop_of
from tilth.tasks._metrics import as_list
from tilth.tasks._setup import MakeOptimizer, Setup, TrainingParts
from tilth.train.device import choose_device
from tilth.train.loop import Loop
from tilth.train.lr_finder import LrFinding, find_lr
from tilth.train.measure import choose_numerics
from tilth.train.pace import Pace, measure_pace
from tilth.train.parallel import rank_and_world
from tilth.train.plan import Plan
from tilth.train.still import Still
from tilth.train.streams import seeded


class Learner:
    """What learns: data, a model, a task and the settings to train with.

    data: from ``tl.images``, ``tl.table``, ``tl.arrays`` or ``tl.dataset``
    model: None for the default, a registry name, that of a backbone of timm or torchvision
        ("resnet34"), or your own nn.Module
    task: None to predict the target; otherwise a name from the registry
    task_arguments, model_arguments: plain arguments of the task and of a registry model
    metrics: names, functions (predictions, targets) -> float; the first decides what is best
    loss: your own (outputs, targets) -> scalar mean or one value per row (with micro_batches: the
        latter, or a sum by reduction="sum")
    optimizer: your own module -> optimizer; AdamW otherwise
    hooks: your own observers; warm_start: a bundle whose body is taken over
    run: folder of the run; runs/<name>-<time> otherwise; force: replace a run that is there
    settings: any field of ``tl.TrainSettings``: epochs, lr, batch_size, seed, device ...
    Raises UserError for what does not fit together, and for settings that would change nothing.

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> learn = tl.Learner(tl.arrays(inputs, inputs[:, 0] > 0), quiet=True, batch_size=16)
    >>> learn.task.name, learn.architecture["name"]
    ('classify', 'tabular_mlp')
    """

    def __init__(
        self,
        data: Data,
        model: str | nn.Module | None = None,
        *,
        task: str | None = None,
        task_arguments: dict[str, Any] | None = None,
        model_arguments: dict[str, Any] | None = None,
        metrics: Sequence[Any] = (),
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        optimizer: MakeOptimizer | None = None,
        hooks: Sequence[Hook] = (),
        warm_start: str | Path | None = None,
        run: str | Path | None = None,
        force: bool = False,
        quiet: bool = False,
        **settings: Any,
    ) -> None:
        check_data(data)
        check_parts(model, loss, hooks)
        self.settings = fill(TrainSettings, {**settings, "lr": plain_rate(settings.get("lr"))})
        if isinstance(data, ArrayTable) and isinstance(model, nn.Module):
            data = data.plain()
        self.data, self.hooks, self.quiet = data, list(hooks), quiet
        self.run_folder, self.force = (Path(run) if run else None), force
        self.device, self.device_reason = choose_device(self.settings.device)
        self.metrics = as_list(metrics)
        self.task_settings = TaskSettings(task, dict(task_arguments or {}))
        self.task = make_task(self.task_settings, data, self.metrics, self.settings.label_smoothing)
        start = read_start(warm_start)
        data, normalised = normalised_for(start, data)
        self.data = self.task.adapt(data)
        check_train_settings(self.settings)
        self.loss, self.make_optimizer = loss, optimizer
        check_applies(self.settings, self.data, self.task, loss=loss, optimizer=optimizer)
        self.given_arguments = dict(model_arguments or {})
        self.architecture, self.model = self._build(model, self.given_arguments, start)
        self.warm_start = str(Path(warm_start).resolve()) if warm_start else None
        known = self.task.model_arguments(self.data)
        self.warm_notes = [*(take_body(self.model, start, known) if start else []), *normalised]
        if start is None and self.task.answers in ANY_NET:
            self.data, told = normalised_for_weights(self.model, self.architecture, self.data)
            self.warm_notes += told
        self.frozen = Frozen(self.model)
        self.lr_finding: LrFinding | None = None
        self.again: str | None = None  # how to go on, where `tilth resume RUN` cannot
        self.free: tuple[str, ...] = ()  # settings that a resume may change, beside the usual
        self.phases_done = 0
        self.current_run: Run | None = None
        self._numerics_chosen = False
        self._pace: Pace | None = None
        self.plan = self._plan()
        if self.settings.frozen:
            self.freeze_to(self.settings.frozen)

    def _build(
        self, model: str | nn.Module | None, arguments: dict[str, Any], start: Contents | None
    ) -> tuple[dict[str, Any], nn.Module]:
        if isinstance(model, nn.Module):
            if arguments:
                raise UserError("model_arguments with a model of your own", fix="build it yourself")
            return {"name": type(model).__name__, "arguments": {}}, model
        known = self.task.model_arguments(self.data)
        name = model or usual_of(start, self.task, known) or self.task.usual(self.data).model
        if not name:
            raise UserError(f"no default model for {self.data.kind} data", fix="give an nn.Module")
        name, named = named_model(name)
        arguments = self.given_arguments = {**named, **arguments}
        usual = self.data.usual_network() if name == self.data.usual.model else {}
        check_model_fits(name, self.data.kind, known)
        body = body_arguments(start, self.task, name, {**known, **arguments}, usual)
        full = {**known, **body, **arguments}
        with seeded(fold(self.settings.seed, "model"), self.device):
            return {"name": name, "arguments": full}, registry.build("tilth.models", name, full)

    def setup(self, plan: Plan | None = None, phase: int = 0) -> Setup:
        """Return what the task needs to set up a phase."""
        facts = self.data, self.model, plan or self.plan, self.device, phase
        return Setup(*facts, loss=self.loss, optimizer=self.make_optimizer)

    def parts(self, plan: Plan | None = None, phase: int = 0) -> TrainingParts:
        """Return objectives, source and players of a phase, of the model in its place."""
        (plan or self.plan).numerics.place_model(self.model, self.device)
        return self.task.parts(self.setup(plan, phase))

    def loop(
        self,
        plan: Plan,
        phase: int = 0,
        hooks: Sequence[Hook] = (),
        parts: TrainingParts | None = None,
    ) -> Loop:
        """Return the loop of a phase; parts: what ``parts`` gave for it, made anew where None."""
        parts = parts or self.parts(plan, phase)
        seed = fold(plan.seed, "phase", phase)
        still = [Still(self.frozen.modules)] if plan.frozen else []
        return loop_of(self.setup(plan, phase), parts, seed=seed, hooks=[*still, *hooks])

    def measure_numerics(self) -> Plan:
        """Choose number type and layout by a short measurement, unless they were given or chosen.

        For a time budget whole steps are timed too, and the plan is cut to what fits.
        """
        self._check()
        given = self.settings.dtype is not None and self.settings.channels_last is not None
        if not self._numerics_chosen and (self.settings.compile or not given):
            self.plan = self._with_measured_numerics()
        self._numerics_chosen = True
        if self.settings.minutes and self._pace is None:
            self._pace = measure_pace(self.loop(self.plan), lambda net: self.scores("valid", net))
            self.plan = within_minutes(self.plan, self.settings.minutes, self._pace)
        return self.plan

    def _with_measured_numerics(self) -> Plan:
        settings = self.settings
        if settings.threads:
            torch.set_num_threads(settings.threads)
        loop = self.loop(dataclasses.replace(self.plan, total_steps=1))
        if len(loop.objectives) > 1 or not self.task.usual(self.data).measured:
            said = "as given, or float32: where several players learn, and for some tasks, "
            said += "nothing is measured"
            return dataclasses.replace(self.plan, reasons={**self.plan.reasons, "numerics": said})
        (objective,) = loop.objectives
        choice = choose_numerics(
            self.model,
            objective,
            loop.source.next(self.model, loop.context()),
            loop.context(),
            compile=settings.compile,
            dtype=settings.dtype,
            channels_last=settings.channels_last,
        )
        return dataclasses.replace(
            self.plan,
            numerics=dataclasses.replace(choice.numerics, threads=settings.threads),
            reasons={**self.plan.reasons, "numerics": choice.reason},
        )

    def follow(self, plan: Plan) -> None:
        """Take a plan as it was recorded: nothing of it is chosen again."""
        self.plan, self._numerics_chosen = plan, True
        self.frozen.hold(plan.frozen)
        smoothing = plan.label_smoothing
        self.task = make_task(self.task_settings, self.data, self.metrics, smoothing)

    def _plan(self) -> Plan:
        plan = make_plan(self.data, self.task, self.settings, device=str(self.device))
        return with_layers(plan, self.settings, self.model)

    def _planned_again(self) -> Plan:
        """Return the plan for the settings as they are now, with the numerics chosen before."""
        fresh, before = self._plan(), self.plan
        told = {k: v for k, v in before.reasons.items() if k == "numerics"}
        fresh = dataclasses.replace(
            fresh, numerics=before.numerics, reasons={**fresh.reasons, **told}
        )
        if self.settings.minutes and self._pace is not None:
            return within_minutes(fresh, self.settings.minutes, self._pace)
        return fresh

    @checked
    def find_lr(self) -> LrFinding:
        """Run the learning-rate range test; model, streams and files are left as they were."""
        if not self.task.usual(self.data).range_test:
            raise UserError(
                f"a range test for {self.task.name}",
                rule="it watches one loss fall, and here none tells which rate is right",
                fix="leave the rate out for the usual one, or give lr",
            )
        plan = self.measure_numerics()
        self.lr_finding = find_lr(self.loop(plan), default=self.task.usual(self.data).lr)
        return self.lr_finding

    def _check(self) -> None:
        if not self.phases_done:
            self.task.check(self.setup())

    @property
    def has_measured_lr(self) -> bool:
        """Whether no rate is looked for: the net is the usual one, or no single loss tells it."""
        usual = self.task.usual(self.data)
        return not usual.range_test or bool(self.architecture["name"] == usual.model)

    def to_config(self) -> dict[str, Any]:
        """Return config.toml: the settings that were asked for, with the seed for env.json.

        "own" names the parts that are the user's code, which no file can bring back.
        """
        name, arguments = self.architecture["name"], self.given_arguments
        asked = Settings(
            fill(DataSettings, self.data.origin),
            ModelSettings(name, arguments, self.warm_start),
            self.settings,
            self.task_settings,
        ).to_config()
        own = {
            "model": [] if name in registry.names("tilth.models") else [name],
            "loss": [self.loss],
            "optimizer": [self.make_optimizer],
            "metrics": self.metrics,
            "hooks": self.hooks,
        }
        named = {
            part: [name_of(one) for one in ones if one is not None] for part, ones in own.items()
        }
        given = {part: names for part, names in named.items() if names}
        more = drop_none({"again": self.again, "own": given or None})
        return {"seed": self.settings.seed, **more, **asked}

    @checked
    def validate(self, split: str = "valid") -> dict[str, float]:
        """Return the loss and every metric of the task on a split."""
        return {f"{split}/{name}": value for name, value in self.scores(split, self.model).items()}

    def scores(self, split: str, model: nn.Module) -> dict[str, float]:
        """Return every metric on a split, by plain names."""
        return self.task.measure(dataclasses.replace(self.setup(), model=model), split)

    @checked
    def fit(
        self,
        epochs: int | None = None,
        *,
        lr: float | slice | LrFinding | None = None,
        minutes: float | None = None,
        resume: bool = False,
    ) -> Run:
        """Train one phase, keep the weights that did best on valid, and return the run.

        For accuracy those are the latest within one standard error of the best look.

        lr: peak learning rate, or what ``find_lr`` returned; slice(first, last): of the first
        layer group and of the head, in even ratios between; slice(last): of the head, and a third
        of it for the rest
        minutes: of training at the most: fewer epochs are planned where they would not fit, and a
        clock stops what takes longer than measured
        Calling it again adds a phase to the same run; ``resume=True`` goes on where a killed
        script stopped, phase by phase, to the same weights to the bit. Settings, data, model and
        own parts must be those that the run began with: a UserError lists what differs. These
        may differ, because no weight depends on them: ``checkpoint_seconds``, ``quiet``, where
        the data lies, ``resident``, ``device`` where it is of the same kind, and an ``lr`` that
        ``find_lr`` returned (the recorded one is kept).
        """
        _, world = rank_and_world()
        if world > 1:
            raise UserError(
                f"fit in {world} processes",
                rule="the run folder is written by one process; many ranks are for the Loop so far",
                fix="start tilth without torchrun",
            )
        rate = lr.suggestion if isinstance(lr, LrFinding) else plain_rate(lr)
        changes = drop_none({"epochs": epochs, "lr": rate, "minutes": minutes})
        self.settings = fill(TrainSettings, {**vars(self.settings), **changes})
        own = {"loss": self.loss, "optimizer": self.make_optimizer}
        check_applies(self.settings, self.data, self.task, **own)
        if lr is not None:
            self.free = ("train.lr",) if isinstance(lr, LrFinding) else ()
        if self.settings.freeze_epochs is not None:
            self.plan = self._planned_again()
            self._check()
            return fine_tune(self, resume=resume)
        return self.train_phase(resume=resume)

    @checked
    def fine_tune(
        self,
        epochs: int | None = None,
        *,
        lr: float | LrFinding | None = None,
        freeze_epochs: int = 1,
        gradual: bool = False,
        minutes: float | None = None,
        resume: bool = False,
    ) -> Run:
        """Train the head on the body as it is, then everything; return the run.

        lr: the head's; then it has half of it and the first layers a hundredth of that
        freeze_epochs: of the head alone; epochs: of everything after them
        gradual: one layer group more in each phase, from the head down (ULMFiT)
        A resume goes on in the phase that was stopped. Raises UserError for a body that was never
        trained, and for a model without layer groups.
        """
        asked = {"freeze_epochs": freeze_epochs, "gradual": gradual or None}
        before = self.settings
        self.settings = fill(TrainSettings, {**vars(before), **asked})
        try:
            return self.fit(epochs, lr=lr, minutes=minutes, resume=resume)
        except UserError:
            self.settings = before
            raise

    def freeze(self) -> None:
        """Hold every layer group still but the last, the head, from the next fit on."""
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Let every layer group learn again."""
        self.freeze_to(0)

    def freeze_to(self, group: int) -> None:
        """Hold the layer groups before ``group`` still; from the end where it is negative.

        Still means without gradients and in evaluation mode: neither weights nor the statistics
        of batch norms change. It holds for the fits that follow, and their plans record it.
        """
        groups = len(layer_groups(self.model))
        if group != 0:
            group += groups if group < 0 else 0
            check_count(group, groups, self.architecture["name"])
        settings = dataclasses.replace(self.settings, frozen=group or None)
        own = {"loss": self.loss, "optimizer": self.make_optimizer}
        check_applies(settings, self.data, self.task, **own)
        if group != self.frozen.count:
            self._numerics_chosen, self._pace = False, None  # other gradients, another pace
        self.frozen.hold(group)
        self.settings = settings
        if group:
            check_known(self, "freezing", only_warn=True)
        self.plan = self._planned_again()

    def train_phase(self, *, resume: bool) -> Run:
        """Train one phase by the settings as they are; ``fit`` is what people call."""
        self.plan = self._planned_again()
        self._check()
        run = self.begin(resume=resume)
        phase = Phase(self, run, self.phases_done)
        phase.fit()
        self.phases_done += 1
        return run

    def begin(self, *, resume: bool = False) -> Run:
        """Make the run's folder, or open it for a resume; ``fit`` does so where you did not.

        Raises UserError for a folder that is taken or cannot be written, and for a resume of a
        run that began with other settings, data or parts.
        """
        if self.current_run is None:
            self.current_run = open_run(self, resume=resume)
            recorded = recorded_plans(self.current_run.folder)
            if recorded:
                self.follow(recorded[0])
        return self.current_run

    def show_results(self, count: int = 9) -> Any:
        """Return a figure or frame of validation rows with truth and answer."""
        from tilth.flow.show import show_results

        return show_results(self, count)

    @property
    def aim(self) -> str:
        """The task, and what it predicts where it predicts."""
        wanted = self.data.target.name if self.task.answers == "predictions" else ""
        return f"{self.task.name} {wanted}".rstrip()

    def __repr__(self) -> str:
        told = f"{self.aim}, {self.architecture['name']}"
        phases = self.phases_done
        done = f"trained in {phases} phase{'s' * (phases > 1)}" if phases else "not trained"
        return f"Learner({self.data.name!r}, {told}, {done})"

    def _repr_html_(self) -> str:
        return console.html_table(self.describe(), "Learner")

    def describe(self) -> dict[str, str]:
        """Return what will be trained and how, in words."""
        parameters = sum(p.numel() for p in self.model.parameters())
        plan = self.plan
        epochs = f"{plan.epochs} of {plan.steps_per_epoch} steps"
        if plan.total_steps < plan.steps_per_epoch:
            epochs = f"part of one: {plan.total_steps} of {plan.steps_per_epoch} steps"
        return {
            "data": self.data.name,
            "task": f"{self.aim}, judged by {self.task.main_metric}",
            "model": f"{self.architecture['name']} ({parameters:,} parameters)",
            "rows": ", ".join(f"{name} {len(rows):,}" for name, rows in self.data.splits.items()),
            "epochs": epochs,
            "batch": str(plan.batch_size),
            "learning rate": ", ".join(f"{rate:.2g}" for rate in plan.rates) or f"{plan.lr:g}",
            "device": f"{self.device} ({self.device_reason})",
            **told_of_layers(plan, self.settings),
        }


def name_of(part: Any) -> str:
    """Return what a part of the user's own is called: a function by its name, else its class."""
    if isinstance(part, str | Metric):
        return part if isinstance(part, str) else part.name
    return str(getattr(part, "__name__", None) or type(part).__name__)


def drop_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the entries that were given."""
    return {name: value for name, value in values.items() if value is not None}


def make_task(
    asked: TaskSettings, data: Data, metrics: Sequence[Any], smoothing: float | None
) -> Task:
    """Return the task that was asked for, or the one that the data's target asks for.

    smoothing: of labels; None for the default of the kind of data
    """
    check_target(data, asked.name)
    facts: dict[str, Any] = {"target": data.target, "metrics": metrics}
    if data.target.kind == "classes" and isinstance(data, Rows):
        train = data.targets[torch.from_numpy(data.splits["train"])]
        counts = torch.bincount(train[train >= 0], minlength=len(data.target.labels))
        smoothing = pick(smoothing, label_smoothing(data.usual, data))
        facts |= {"label_smoothing": smoothing, "shares": (counts / counts.sum()).tolist()}
    return build_named(asked.name or task_for(data.target.kind), facts, asked.arguments)
