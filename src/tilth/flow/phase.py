"""One phase of a run: train, keep the best, checkpoint, record; resumes where it stopped."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tilth import console, files
from tilth.data.dataset import Rows
from tilth.errors import TilthError, UserError
from tilth.flow.agreement import (
    check_device,
    check_phase,
    check_same_data,
    check_settings,
    restore,
)
from tilth.flow.run import Run
from tilth.train.checkpoint import Checkpointer, latest, steps
from tilth.train.deadline import Deadline
from tilth.train.early_stop import BestWeights
from tilth.train.interrupt import Interrupt
from tilth.train.loop import INTERRUPTED
from tilth.train.plan import Plan
from tilth.train.progress import Progress
from tilth.train.record import Record
from tilth.train.run_folder import CONFIG, RunFolder
from tilth.train.toml import dump

if TYPE_CHECKING:
    from tilth.flow.learner import Learner
    from tilth.tasks import Metric


OWN = "set by an optimizer of your own"


class Interrupted(KeyboardInterrupt):
    """The work was asked to stop: ``said`` tells what is saved, ``again`` how to go on."""

    def __init__(self, said: str, again: str) -> None:
        super().__init__(f"{said}. To go on: {again}")
        self.said, self.again = said, again


def stopped_at(step: int, saved: int | None) -> str:
    """Return what is saved of a training that was stopped; saved: the newest checkpoint's step.

    >>> stopped_at(7, 7), stopped_at(7, 5)[-30:]
    ('stopped; everything is saved', 'written, the last is of step 5')
    """
    if saved == step:
        return "stopped; everything is saved"
    last = "there is no checkpoint yet" if saved is None else f"the last is of step {saved}"
    return f"stopped; the checkpoint of step {step} could not be written, {last}"


def open_run(learner: Learner, *, resume: bool) -> Run:
    """Make the run's folder, or open it for a resume after checking that all is as it began."""
    path, data, config = learner.run_folder, learner.data, learner.to_config()
    if resume:
        if path is None:
            raise UserError("resume=True without a folder", fix="give the Learner run='runs/name'")
        RunFolder.clear_stillborn(path, config=config)
        if (path / CONFIG).is_file():
            folder = RunFolder.open(path)
            check_settings(folder, config, free=learner.free)
            check_same_data(folder, learner)
            run = Run(folder, learner)
            if not run.is_finished:
                tell_changes(folder)
                if not (learner.quiet or steps(folder.checkpoints / "phase-0")):
                    console.say("no checkpoint was written before it stopped: begins anew")
            return run
    if path is None:
        folder = RunFolder.create_default(data.name, config=config)
    else:
        folder = RunFolder.create(path, config=config, force=learner.force)
    folder.write_record("data", data_record(learner))
    return Run(folder, learner)


def tell_changes(folder: RunFolder) -> None:
    """Warn where a run goes on with other versions or hardware, which its env.json then names."""
    changed = folder.note_resume()
    if changed:
        warnings.warn(
            f"{folder.path} goes on elsewhere than it was left ({'; '.join(changed)}): its weights "
            "need not be, to the bit, those of an unbroken run; env.json says so",
            stacklevel=2,
        )


def data_record(learner: Learner) -> dict[str, Any]:
    """Return data.json: what was learned from, and which rows were in which split."""
    data = learner.data
    return {
        "name": data.name,
        "kind": data.kind,
        "fingerprint": data.fingerprint(),
        "target": data.target.to_config(),
        "splits": {split: data.split_record(split) for split in data.splits},
        "describe": data.describe(),
        "notes": data.notes,
        "bad_items": [{"item": bad.item, "reason": bad.reason} for bad in data.bad_items],
    }


def recorded_plans(folder: RunFolder) -> list[Plan]:
    """Return the plans of the phases that a run has begun, in order."""
    return [Plan.from_config(config) for config in folder.config.get("phase", [])]


class Phase:
    """Trains the ``index``-th phase of a run with the learner's plan, or the recorded one."""

    def __init__(self, learner: Learner, run: Run, index: int) -> None:
        self.learner, self.run, self.index = learner, run, index
        self.folder = run.folder
        self.saved = self.folder.checkpoints / f"phase-{index}"
        recorded = recorded_plans(self.folder)
        if index < len(recorded):
            self.plan = recorded[index]
            check_phase(self.folder, self.plan, learner.settings, free=learner.free)
            check_device(self.folder, self.plan, learner.device)
        else:
            try:
                plan = self._plan()
            except Exception as error:  # what is measured is steps of the user's own parts
                self._fail(error)
                raise
            self.plan = replace(plan, numerics=plan.numerics.resolved())
            plans = [one.to_config() for one in (*recorded, self.plan)]
            config = {**self.folder.config, "phase": plans}
            files.write_text(self.folder.path / CONFIG, dump(config))
        learner.follow(self.plan)

    def _plan(self) -> Plan:
        learner = self.learner
        plan = learner.measure_numerics()
        found = learner.lr_finding
        if learner.settings.lr is None and found is not None and found.confident:
            reasons = {**plan.reasons, "lr": found.reason}
            plan = replace(plan, lr=found.suggestion, reasons=reasons)
        if learner.make_optimizer is not None:
            groups = learner.make_optimizer(learner.model).param_groups
            reasons = {**plan.reasons, "lr": OWN, "weight_decay": OWN}
            rate, decay = (max(g.get(key, 0.0) for g in groups) for key in ("lr", "weight_decay"))
            plan = replace(plan, lr=float(rate), weight_decay=float(decay), reasons=reasons)
        return plan

    def fit(self) -> None:
        """Train to the end of the phase; raise Interrupted where a signal stopped it."""
        learner, plan = self.learner, self.plan
        metric = learner.task.metrics[learner.task.main_metric]
        parts = learner.parts(plan, self.index)
        best = BestWeights(
            lambda model: {f"valid/{k}": v for k, v in learner.scores("valid", model).items()},
            monitor=f"valid/{metric.name}",
            mode=metric.mode,
            every_steps=plan.steps_per_epoch,
            patience=plan.patience or None,
            judged=parts.judged,
            noise=self._noise(metric),
        )
        checkpointer = Checkpointer(self.saved, every_seconds=learner.settings.checkpoint_seconds)
        hooks = [
            best,
            Record(self.folder, phase=self.index, steps_per_epoch=plan.steps_per_epoch),
            Progress(metric.name, plan.steps_per_epoch, quiet=learner.quiet),
            *learner.hooks,
            *([Deadline(learner.settings.minutes)] if learner.settings.minutes else []),
            checkpointer,
            Interrupt(checkpointer),
        ]
        self.folder.mark_resumed()  # it is not done before this phase is
        loop = learner.loop(plan, self.index, hooks, parts)
        found = latest(self.saved)
        if found is not None:
            restore(loop, found[1], self.saved)
        self._rewind(loop.step)
        try:
            loop.fit()
        except BaseException as error:
            self._fail(error)
            raise
        if loop.stop_reason == INTERRUPTED:
            saved = checkpointer.saved
            if saved is None and found is not None:
                saved = found[0]
            raise Interrupted(stopped_at(loop.step, saved), self.folder.goes_on_with)
        try:
            self.run.note_phase(loop, best)
        except OSError as error:
            raise TilthError(
                f"training ended, but {self.folder.path} cannot be written ({error})",
                fix="free some space and resume: it goes on from its last good checkpoint",
            ) from error

    def _noise(self, metric: Metric) -> Callable[[float], float]:
        """Return what says how far the draw of the valid rows moves a score; 0 where not known."""
        error, data = metric.error, self.learner.data
        if error is None or not isinstance(data, Rows):
            return lambda score: 0.0
        rows = len(data.splits["valid"])
        return lambda score: error(score, rows)

    def _fail(self, error: BaseException) -> None:
        with contextlib.suppress(OSError):  # a full disk must not hide what happened
            self.folder.mark_failed(error)

    def _rewind(self, step: int) -> None:
        """Drop the lines of this phase after ``step``: they are written again."""
        lines = [
            line
            for line in self.folder.metrics()
            if line["phase"] != self.index or line["step"] <= step
        ]
        self.folder.write_metrics(lines)
