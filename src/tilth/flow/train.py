"""The whole job from settings to a summary: what ``tilth train`` and the demo run."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth import console, registry
from tilth.audit.headline import best_baseline
from tilth.data.dataset import Data
from tilth.errors import UserError, choose
from tilth.flow.fitting_models import named_model
from tilth.flow.learner import Learner
from tilth.flow.phase import Interrupted, recorded_plans
from tilth.flow.plan import check_train_settings
from tilth.flow.run import Run
from tilth.flow.settings import Settings
from tilth.flow.settings_file import settings_of_run
from tilth.flow.sources import read
from tilth.ship.usage import usage_of
from tilth.train.checkpoint import latest
from tilth.train.device import choose_device
from tilth.train.run_folder import CONFIG, RunFolder, default_path, lacking

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What to do: settings, where the run goes, and how to treat what is there.

    again: what goes on with all of it where it was stopped; ``tilth resume RUN`` otherwise
    new: what the command that is proposed last asks the model about
    """

    settings: Settings
    run: Path | None = None
    force: bool = False
    resume: bool = False
    quiet: bool = False
    again: str = ""
    new: str = "NEW_DATA"

    @property
    def say(self) -> Say:
        """Print a line for people, or nothing where quiet was asked for."""
        return (lambda text: None) if self.quiet else console.say


def check_job(job: Job) -> None:
    """Raise UserError for what can be told wrong before the data is read.

    Settings out of range, names that are not offered, a device that does not work, and a folder
    that is taken or cannot be written.
    """
    check_asked(job.settings)
    if job.resume and job.run is None:
        raise UserError("--resume without a folder", fix="name the run with -o RUN")
    if not (job.resume and job.run is not None and (job.run / CONFIG).is_file()):
        RunFolder.check_free(job.run or default_path("run"), force=job.force)


def check_asked(settings: Settings) -> None:
    """Raise UserError for settings that are wrong whatever the data."""
    check_train_settings(settings.train)
    choose_device(settings.train.device)
    if settings.model.name is not None:
        named_model(settings.model.name)
    if settings.task.name is not None:
        choose(settings.task.name, registry.names("tilth.tasks"), "task")
    if settings.model.warm_start and not Path(settings.model.warm_start).is_dir():
        raise UserError(
            f"warm_start={settings.model.warm_start!r}: there is no such folder",
            rule="a warm start begins from a bundle",
            fix="tilth export RUN BUNDLE makes one",
        )


def train(job: Job, *, data: Data | None = None) -> tuple[Run, dict[str, Any]]:
    """Read, train, look, bundle; return the run and its summary.

    With ``resume`` a finished run is taken as it is, an open one goes on phase by phase, and one
    that is not there begins. Raises UserError early for what ``check_job`` refuses.
    """
    begun = time.perf_counter()
    check_job(job)
    data = data or read(job.settings.data)
    return train_learner(make_learner(data, job), job, begun=begun)


def train_learner(
    learner: Learner, job: Job, *, begun: float | None = None
) -> tuple[Run, dict[str, Any]]:
    """Do what ``train`` does with a learner that is there already; begun: on the clock."""
    begun = time.perf_counter() if begun is None else begun
    tell_data(learner.data, job.say)
    try:
        run, is_new = _trained(learner, job)
        if is_new:
            run.report()
            run.export()
    except KeyboardInterrupt as stop:
        raise _interrupted(stop, learner, job) from stop
    found = summary(run, run.folder.model, time.perf_counter() - begun)
    if is_new:
        tell_result(run, found, job)
    else:
        job.say(f"{run.path} is done already")
    return run, found


def _interrupted(stop: KeyboardInterrupt, learner: Learner, job: Job) -> KeyboardInterrupt:
    """Return what says how the whole job goes on; as it is where nothing was begun."""
    run = learner.current_run
    again = job.again or (run.folder.goes_on_with if run else "")
    if not again:
        return stop
    if isinstance(stop, Interrupted):
        return Interrupted(stop.said, again)
    trained = run is not None and run.folder.status == "done"
    kept = "the trained weights are saved" if trained else "this run is not trained yet"
    return Interrupted(f"stopped; {kept}", again)


def _trained(learner: Learner, job: Job) -> tuple[Run, bool]:
    """Return the trained run, and whether there was anything left to do."""
    recorded = []
    if job.resume:
        run = learner.begin(resume=True)
        if run.is_finished:
            return run, False
        recorded = recorded_plans(run.folder)
        if run.folder.status == "done":
            job.say("trained already: what is missing is the look at it, or its bundle")
    if learner.settings.lr is None and not recorded and not learner.has_measured_lr:
        finding = learner.find_lr()
        job.say(f"  learning rate  {finding.suggestion:.2g} ({finding.reason})")
    tell_plan(learner, job.say)
    run = learner.fit(resume=job.resume)
    for plan in recorded[learner.phases_done :]:  # a script called fit more than once
        learner.freeze_to(plan.frozen)
        asked = {name: plan.asked.get(name) for name in ("epochs", "lr", "minutes")}
        run = learner.fit(**asked, resume=True)
    return run, True


def make_learner(data: Data, job: Job) -> Learner:
    """Return the learner that the job's settings describe."""
    model, task = job.settings.model, job.settings.task
    return Learner(
        data,
        model.name,
        task=task.name,
        task_arguments=task.arguments or None,
        model_arguments=model.arguments or None,
        warm_start=model.warm_start,
        run=job.run,
        force=job.force,
        quiet=job.quiet,
        **vars(job.settings.train),
    )


def summary(run: Run, bundle: Path, seconds: float) -> dict[str, Any]:
    """Return the machine-readable result: the last line of ``tilth train --json``."""
    found = run.audit()
    best = best_baseline(found["baselines"])
    main = found["main_metric"]
    return {
        "task": found["task"],
        "model": found["training"]["model"]["name"],
        "seconds": round(seconds, 2),
        "training_seconds": found["training"]["seconds"],
        "main_metric": main,
        "test": {name: value["value"] for name, value in found["test"].items()},
        "interval": [found["test"][main]["low"], found["test"][main]["high"]],
        "baseline": values(best),
        "baseline_name": best["name"] if best else None,
        "baselines": {one["name"]: values(one) for one in found["baselines"]},
        "test_rows": found["test_count"],
        "run": str(run.path),
        "report": str(run.path / "report.html"),
        "bundle": str(bundle),
    }


def values(baseline: dict[str, Any] | None) -> dict[str, float]:
    """Return metric -> value of a baseline's entry in the audit."""
    if baseline is None:
        return {}
    return {name: metric["value"] for name, metric in baseline["metrics"].items()}


def tell_data(data: Data, say: Say) -> None:
    """Say what was read and inferred."""
    say(repr(data))


def tell_plan(learner: Learner, say: Say) -> None:
    """Say what will be trained, and why each choice was made."""
    plan = learner.measure_numerics()
    told = {**learner.describe(), "numerics": plan.numerics.label()}
    reasons = {"epochs": "epochs", "batch": "batch_size", "numerics": "numerics"}
    rows = [
        (
            name,
            f"{value}  ({plan.reasons[reasons[name]]})"
            if reasons.get(name) in plan.reasons
            else value,
        )
        for name, value in told.items()
        if name not in ("data", "rows", "learning rate")
    ]
    rows += [("warm start", note) for note in learner.warm_notes]
    say(console.columns(rows))


def tell_result(run: Run, found: dict[str, Any], job: Job) -> None:
    """Say the result, where things are, and the next command."""
    say = job.say
    took = console.seconds(found["seconds"])
    if run.learner is not None and run.learner.settings.minutes:
        trained = console.seconds(found["training_seconds"])
        took += f" (training {trained}; the rest is measuring, looking and writing)"
    say("")
    say(run.audit()["headline"])
    warned = list(run.audit().get("warnings", []))
    warned += [one["what"] for one in run.audit()["findings"] if one["severity"] != "info"]
    more = f" (and {len(warned) - 1} more in the report)" if len(warned) > 1 else ""
    say(
        console.columns(
            [
                *([("look at", warned[0] + more)] if warned else []),
                ("report", found["report"]),
                ("run", found["run"]),
                ("bundle", found["bundle"]),
                ("took", took),
            ]
        )
    )
    say(f"Next: {usage_of(Path(found['bundle']), job.new)}")


def resume(path: Path, *, quiet: bool = False) -> tuple[Run, dict[str, Any]]:
    """Go on with an unfinished run from its own config.toml.

    Raises UserError for a run that is done already, and for one with parts of the user's own.
    """
    run = Run.open(path)
    if run.is_finished:
        raise UserError(
            f"{path} is done",
            rule="a finished run is not trained again, and its test rows are opened once",
            fix=f"tilth report {shlex.quote(str(path))} makes the report again",
        )
    recorded = run.folder.config
    lacks = lacking(recorded)
    if lacks:
        again = run.folder.goes_on_with
        if run.folder.status == "done" and "again" not in recorded:
            again += " and run.export()"
        raise UserError(f"{path} cannot be gone on with alone", rule=lacks, fix=again)
    return train(Job(settings_of_run(recorded, path), run=path, resume=True, quiet=quiet))


def bundled(path: Path) -> Run:
    """Return the run at ``path``; a done one without its bundle gets it from its checkpoint.

    Raises UserError where there is no checkpoint either, and where ``resume`` cannot go on alone.
    """
    run = Run.open(path)
    if run.folder.status != "done" or run.has_bundle:
        return run
    phases = range(len(recorded_plans(run.folder)))
    if not all(latest(run.folder.checkpoints / f"phase-{index}") for index in phases):
        raise UserError(
            f"{path} has neither its bundle nor its checkpoints",
            rule="a bundle is made from trained weights",
            fix=f"tilth resume {shlex.quote(str(path))} trains it again, from the beginning",
        )
    return resume(path, quiet=True)[0]
