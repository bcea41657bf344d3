"""One phase of a run: train, keep the best, checkpoint, record; resumes where it stopped."""

from __future__ import annotations

import contextlib
import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tilth import files
from tilth.contracts import BaseHook, LoopView
from tilth.errors import TilthError, UserError
from tilth.flow.plan import Plan
from tilth.flow.run import Run
from tilth.train.checkpoint import Checkpointer, latest
from tilth.train.early_stop import BestWeights
from tilth.train.interrupt import Interrupt
from tilth.train.loop import INTERRUPTED, Loop
from tilth.train.progress import Progress
from tilth.train.run_folder import CONFIG, RunFolder
from tilth.train.toml import dump

if TYPE_CHECKING:
    from tilth.flow.learner import Learner


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; everything is saved, and ``fix`` says how to go on."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        super().__init__(f"stopped and saved in {folder}")


def open_run(learner: Learner, *, resume: bool) -> Run:
    """Make the run's folder, or open it for a resume after checking that the data is the same."""
    path, data = learner.run_folder, learner.data
    if resume:
        if path is None:
            raise UserError("resume=True without a folder", fix="give the Learner run='runs/name'")
        RunFolder.clear_stillborn(path, config=learner.to_config())
        if (path / CONFIG).is_file():
            folder = RunFolder.open(path)
            check_same_data(folder, learner)
            folder.mark_resumed()
            return Run(folder, learner)
    config = learner.to_config()
    if path is None:
        folder = RunFolder.create_default(data.name, config=config)
    else:
        folder = RunFolder.create(path, config=config, force=learner.force)
    folder.write_record("data", data_record(learner))
    return Run(folder, learner)


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


def check_same_data(folder: RunFolder, learner: Learner) -> None:
    """Raise UserError where the data is not what the run began with."""
    recorded = folder.read_record("data")
    if recorded["fingerprint"] != learner.data.fingerprint():
        raise UserError(
            f"the data of {folder.path} has changed since it began",
            rule="a run goes on with the data it began with, else its weights mean nothing",
            fix="put the data back, or begin a new run",
        )
    for split in learner.data.splits:
        begun = recorded["splits"][split]
        if begun["sha256"] != learner.data.split_record(split)["sha256"]:
            raise UserError(
                f"the {split} rows of {folder.path} are not the {begun['count']} it began with",
                rule="a run goes on with the split it began with, or test rows would be trained on",
                fix="read the data with the same fractions, splits and split_seed",
            )


class Record(BaseHook):
    """Writes a line of metrics.jsonl after each look at valid; place it after BestWeights."""

    def __init__(self, folder: RunFolder, plan: Plan, phase: int) -> None:
        self.folder, self.plan, self.phase = folder, plan, phase
        self.seconds, self._begun = 0.0, 0.0
        self._waiting: list[dict[str, Any]] = []  # lines that a full disk did not take

    def on_start(self, loop: LoopView) -> None:
        """Start the clock."""
        self._begun = time.perf_counter() - self.seconds

    def after_step(self, loop: LoopView) -> None:
        """Write where an epoch ended."""
        if loop.rank == 0 and (
            loop.step % self.plan.steps_per_epoch == 0 or loop.step == loop.total_steps
        ):
            self.write(loop)

    def write(self, loop: LoopView) -> None:
        """Write one line and begin new averages."""
        loop.flush()
        self.seconds = time.perf_counter() - self._begun
        assert isinstance(loop, Loop)
        rate = loop.players["model"].optimizer.param_groups[0]["lr"]
        self._waiting.append(
            {
                "phase": self.phase,
                "step": loop.step,
                "epoch": loop.step / self.plan.steps_per_epoch,
                "seconds": round(self.seconds, 3),
                "samples": loop.samples,
                "lr": rate,
                **loop.metrics,
            }
        )
        self._pass_on()
        loop.new_window()

    def on_end(self, loop: LoopView) -> None:
        """Write what a full disk did not take before."""
        self._pass_on()

    def _pass_on(self) -> None:
        try:
            while self._waiting:
                self.folder.append_metrics(self._waiting[0])
                del self._waiting[0]
        except OSError as error:
            warnings.warn(
                f"metrics.jsonl could not be written ({error}); training goes on, "
                "the line is written with the next one",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds spent so far."""
        self.seconds = time.perf_counter() - self._begun
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the clock back."""
        self.seconds = state["seconds"]


class Phase:
    """Trains the ``index``-th phase of a run with the learner's plan, or the recorded one."""

    def __init__(self, learner: Learner, run: Run, index: int, *, resume: bool) -> None:
        self.learner, self.run, self.index = learner, run, index
        self.folder = run.folder
        self.saved = self.folder.checkpoints / f"phase-{index}"
        config = self.folder.config
        recorded = config.get("phase", [])
        if index < len(recorded):
            self.plan = Plan.from_config(recorded[index])
        else:
            plan = self._plan()
            self.plan = replace(plan, numerics=plan.numerics.resolved())
            config["phase"] = [*recorded, self.plan.to_config()]
            files.write_text(self.folder.path / CONFIG, dump(config))
        learner.plan = self.plan

    def _plan(self) -> Plan:
        learner = self.learner
        plan = learner.measure_numerics()
        found = learner.lr_finding
        if learner.settings.lr is None and found is not None and found.confident:
            reasons = {**plan.reasons, "lr": found.reason}
            plan = replace(plan, lr=learner.trusted_lr(), reasons=reasons)
        return plan

    def fit(self) -> None:
        """Train to the end of the phase; raise Interrupted where a signal stopped it."""
        learner, plan = self.learner, self.plan
        metric = learner.task.metrics[learner.task.main_metric]
        best = BestWeights(
            lambda model: {f"valid/{k}": v for k, v in learner.scores("valid", model).items()},
            monitor=f"valid/{metric.name}",
            mode=metric.mode,
            every_steps=plan.steps_per_epoch,
            patience=plan.patience or None,
        )
        checkpointer = Checkpointer(self.saved, every_seconds=learner.settings.checkpoint_seconds)
        hooks = [
            best,
            Record(self.folder, plan, self.index),
            Progress(metric.name, plan.steps_per_epoch, quiet=learner.quiet),
            *learner.hooks,
            checkpointer,
            Interrupt(checkpointer),
        ]
        self.folder.mark_resumed()  # it is not done before this phase is
        loop = learner.loop(plan, self.index, hooks)
        found = latest(self.saved)
        if found is not None:
            loop.load_state_dict(found[1])
        self._rewind(loop.step)
        try:
            loop.fit()
        except BaseException as error:
            with contextlib.suppress(OSError):  # a full disk must not hide what happened
                self.folder.mark_failed(error)
            raise
        if loop.stop_reason == INTERRUPTED:
            raise Interrupted(self.folder.path)
        try:
            self.run.note_phase(loop, best)
        except OSError as error:
            raise TilthError(
                f"training ended, but {self.folder.path} cannot be written ({error})",
                fix="free some space and resume: it goes on from its last good checkpoint",
            ) from error

    def _rewind(self, step: int) -> None:
        """Drop the lines of this phase after ``step``: they are written again."""
        lines = [
            line
            for line in self.folder.metrics()
            if line["phase"] != self.index or line["step"] <= step
        ]
        self.folder.write_metrics(lines)
