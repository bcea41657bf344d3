"""Several runs beside each other, over seeds or over folds, and what they say together."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilth.data.dataset import Data
from tilth.data.folds import fold_splits
from tilth.errors import UserError
from tilth.flow.sources import read
from tilth.flow.train import Job, check_job, train
from tilth.train.run_folder import default_path

OF_ONE = (
    "run", "test", "interval", "baseline", "baseline_name", "test_rows", "seconds",
    "training_seconds", "report", "bundle",
)  # fmt: skip
"""What is told of each run beside its seed or fold."""


def repeat(job: Job, count: int) -> dict[str, Any]:
    """Train with ``count`` seeds on the same split; return what they say, each and together.

    Runs are put beside each other as <run>-seed<k>. Raises UserError for fewer than two.
    """
    if count < 2:
        raise UserError(f"repeats={count}", rule="a spread needs at least 2 seeds")
    first = job.settings.train.seed
    seeds = range(first, first + count)
    base = _base(job)
    jobs = [_with_seed(job, seed, base) for seed in seeds]
    return _train_all(job, "seed", seeds, jobs, lambda data, _: data)


def cross_validate(job: Job, folds: int) -> dict[str, Any]:
    """Train once per fold; return what the folds say, each and together.

    Runs are put beside each other as <run>-fold<k>. Raises UserError for fewer than two folds,
    more folds than rows, and splits that the folds would not respect.
    """
    if folds < 2:
        raise UserError(f"folds={folds}", rule="there are at least 2 folds")
    for name in ("group", "time"):
        if getattr(job.settings.data, name):
            raise UserError(
                f"--folds with --{name}",
                rule="folds are dealt out row by row, so rows that belong together would be parted",
                fix=f"leave --folds out: one split respects --{name}",
            )
    base, numbers = _base(job), range(1, folds + 1)
    jobs = [replace(job, run=base.with_name(f"{base.name}-fold{fold}")) for fold in numbers]
    splits: list[Any] = []

    def part(data: Data, fold: int) -> Data:
        count = sum(len(rows) for rows in data.splits.values())
        if folds > count:
            raise UserError(f"folds={folds}", rule=f"between 2 and the number of rows, {count}")
        if not splits:
            splits.extend(fold_splits(data, folds, job.settings.data.split_seed))
        return data.with_splits(splits[fold - 1])

    return _train_all(job, "fold", numbers, jobs, part)


def _base(job: Job) -> Path:
    if job.run is None and job.resume:
        raise UserError("--resume without a folder", fix="name the runs with -o RUN")
    return job.run or default_path(Path(job.settings.data.path).resolve().name)


def _with_seed(job: Job, seed: int, base: Path) -> Job:
    settings = replace(job.settings, train=replace(job.settings.train, seed=seed))
    return replace(job, settings=settings, run=base.with_name(f"{base.name}-seed{seed}"))


def _train_all(
    job: Job,
    kind: str,
    numbers: Sequence[int],
    jobs: Sequence[Job],
    part: Callable[[Data, int], Data],
) -> dict[str, Any]:
    for one in jobs:  # all of them before the first is trained
        check_job(one)
    data, found, mode = read(job.settings.data), [], "max"
    for number, one in zip(numbers, jobs, strict=True):
        run, told = train(one, data=part(data, number))
        mode = run.audit()["metrics"][told["main_metric"]]["mode"]
        found.append(told)
    result = together(found, kind, numbers, mode)
    job.say("")
    job.say(table(result, kind))
    return result


def together(
    found: Sequence[Mapping[str, Any]], kind: str, numbers: Sequence[int], mode: str
) -> dict[str, Any]:
    """Return what several summaries say: mean and standard deviation, and each run by itself.

    kind: "seed" or "fold", what ``numbers`` count; mode: whether "max" or "min" of the main
    metric is better. The baseline is the one that all runs have whose mean is best.
    """
    first = found[0]
    main = first["main_metric"]
    names = [name for name in first["baselines"] if all(name in one["baselines"] for one in found)]
    baselines = {name: spread([one["baselines"][name] for one in found]) for name in names}
    judged = {
        name: value
        for name, (means, _) in baselines.items()
        if (value := means.get(main)) is not None
    }
    best = (max if mode == "max" else min)(judged, key=judged.__getitem__, default=None)
    means, deviations = spread([one["test"] for one in found])
    baseline, baseline_sd = baselines[best] if best is not None else ({}, {})
    return {
        "task": first["task"],
        "model": first["model"],
        "main_metric": main,
        {"seed": "repeats", "fold": "folds"}[kind]: len(found),
        "seconds": round(sum(one["seconds"] for one in found), 2),
        "test": means,
        "test_sd": deviations,
        "baseline": baseline,
        "baseline_sd": baseline_sd,
        "baseline_name": best,
        "runs": [
            {kind: number, **{name: one[name] for name in OF_ONE}}
            for number, one in zip(numbers, found, strict=True)
        ],
    }


def spread(
    scores: Sequence[Mapping[str, float | None]],
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return the mean and the standard deviation (n - 1) of each metric, without what is missing.

    >>> spread([{"accuracy": 0.5}, {"accuracy": 1.0}, {"accuracy": 0.0}])
    ({'accuracy': 0.5}, {'accuracy': 0.5})
    """
    means: dict[str, float | None] = {}
    deviations: dict[str, float | None] = {}
    for name in scores[0]:
        known = [value for score in scores if (value := score.get(name)) is not None]
        means[name] = statistics.fmean(known) if known else None
        deviations[name] = statistics.stdev(known) if len(known) > 1 else None
    return means, deviations


def table(result: Mapping[str, Any], kind: str) -> str:
    """Return a table for people: mean +- sd of each metric, the baseline's, and every run's."""
    runs = result["runs"]
    rows = [["", "mean +- sd", result["baseline_name"] or "no baseline"]]
    rows[0] += [f"{kind} {run[kind]}" for run in runs]
    for name in result["test"]:
        row = [
            name,
            _measure(result["test"], result["test_sd"], name),
            _measure(result["baseline"], result["baseline_sd"], name),
        ]
        rows.append(row + [_number(run["test"].get(name)) for run in runs])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([f"{len(runs)} runs, one per {kind}, judged on test by", *lines])


def _measure(means: Mapping[str, Any], deviations: Mapping[str, Any], name: str) -> str:
    return f"{_number(means.get(name))} +- {_number(deviations.get(name))}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
