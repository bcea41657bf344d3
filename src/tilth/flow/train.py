"""The whole job from settings to a summary: what ``tilth train`` and the demo run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilth import console
from tilth.audit.headline import best_baseline
from tilth.data.dataset import Data
from tilth.errors import UserError
from tilth.flow.learner import Learner
from tilth.flow.run import Run
from tilth.flow.settings import Settings
from tilth.flow.sources import read
from tilth.train.run_folder import CONFIG, RunFolder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What to do: settings, where the run goes, and how to treat what is there.

    find_lr: run the range test first where no rate was given
    """

    settings: Settings
    run: Path | None = None
    force: bool = False
    resume: bool = False
    find_lr: bool = True
    quiet: bool = False


def train(job: Job, *, data: Data | None = None) -> tuple[Run, dict[str, Any]]:
    """Read, train, look, bundle; return the run and its summary."""
    begun = time.perf_counter()
    say: Say = (lambda text: None) if job.quiet else console.say
    data = data or read(job.settings.data)
    tell_data(data, say)
    learner = make_learner(data, job)
    going_on = job.resume and job.run is not None and (job.run / CONFIG).is_file()
    if job.find_lr and learner.settings.lr is None and not going_on:
        finding = learner.find_lr()
        say(f"  learning rate  {learner.trusted_lr():.2g} ({finding.reason})")
    tell_plan(learner, say)
    run = learner.fit(resume=job.resume)
    run.report()
    bundle = run.export()
    found = summary(run, bundle, time.perf_counter() - begun)
    tell_result(run, found, say)
    return run, found


def make_learner(data: Data, job: Job) -> Learner:
    """Return the learner that the job's settings describe."""
    model = job.settings.model
    return Learner(
        data,
        model.name,
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
    rows = ", ".join(f"{name} {len(chosen):,}" for name, chosen in data.splits.items())
    say(f"{data.name}: {rows}")
    for note in data.notes:
        say(f"  - {note}")
    if data.bad_items:
        say(f"  - {len(data.bad_items)} items set aside; tilth check lists them")


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
    say(console.columns(rows))


def tell_result(run: Run, found: dict[str, Any], say: Say) -> None:
    """Say the result, where things are, and the next command."""
    say("")
    say(run.audit()["headline"])
    say(
        console.columns(
            [
                ("report", found["report"]),
                ("run", found["run"]),
                ("bundle", found["bundle"]),
                ("took", console.seconds(found["seconds"])),
            ]
        )
    )
    say(f"Next: tilth predict {found['bundle']} NEW_DATA")


def repeat(job: Job, count: int) -> dict[str, Any]:
    """Train with ``count`` seeds on the same split; return mean and spread of every metric.

    Runs are put beside each other as <run>-seed<k>. Raises UserError for fewer than two.
    """
    if count < 2:
        raise UserError(f"repeats={count}", rule="a spread needs at least 2 seeds")
    data = read(job.settings.data)
    base = job.run or Path("runs") / data.name
    found = []
    for seed in range(job.settings.train.seed, job.settings.train.seed + count):
        settings = replace(job.settings, train=replace(job.settings.train, seed=seed))
        one = replace(job, settings=settings, run=base.with_name(f"{base.name}-seed{seed}"))
        found.append(train(one, data=data)[1])
    return {
        **found[0],
        "runs": [one["run"] for one in found],
        "repeats": count,
        "seconds": round(sum(one["seconds"] for one in found), 2),
        **spread([one["test"] for one in found]),
    }


def spread(scores: list[dict[str, float]]) -> dict[str, Any]:
    """Return the mean ("test") and standard deviation ("test_sd") of each metric.

    >>> spread([{"accuracy": 0.5}, {"accuracy": 1.0}, {"accuracy": 0.0}])
    {'test': {'accuracy': 0.5}, 'test_sd': {'accuracy': 0.5}}
    """
    columns = {name: [score[name] for score in scores] for name in scores[0]}
    return {
        "test": {name: statistics.fmean(column) for name, column in columns.items()},
        "test_sd": {name: statistics.stdev(column) for name, column in columns.items()},
    }


def resume(path: Path, *, quiet: bool = False) -> tuple[Run, dict[str, Any]]:
    """Go on with an unfinished run from its own config.toml.

    Raises UserError for a run that is done already, or whose code is not in the registry.
    """
    folder = RunFolder.open(path)
    if folder.status == "done" and (path / "audit.json").is_file():
        raise UserError(
            f"{path} is done",
            rule="a finished run is not trained again, and its test rows are opened once",
            fix=f"tilth report {path} makes the report again",
        )
    config = {k: v for k, v in folder.config.items() if k in ("data", "model", "train")}
    settings = Settings.from_config(config)
    if not settings.data.path:
        raise UserError(
            f"{path} was trained from Python on data in memory",
            fix="run the same script again with fit(..., resume=True)",
        )
    return train(Job(settings, run=path, resume=True, find_lr=False, quiet=quiet))
