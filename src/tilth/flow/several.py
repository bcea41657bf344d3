"""Several runs beside each other: over seeds (``tl.repeat``) or folds (``tl.cross_validate``)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tilth.arguments import checked
from tilth.data.dataset import Data, IntArray, SplitNote, as_rows
from tilth.data.folds import fold_splits
from tilth.errors import UserError
from tilth.flow.learner import Learner
from tilth.flow.settings import Settings
from tilth.flow.sources import read
from tilth.flow.together import table, together
from tilth.flow.train import Job, check_job, make_learner, train_learner
from tilth.randomness import fold
from tilth.train.run_folder import default_path
from tilth.train.streams import seeded

Make = Callable[[Data, int], Learner]
PARTED = "folds are dealt out row by row, so rows that belong together would be parted"
CPU = torch.device("cpu")  # where nets are made


@checked
def repeat(
    make: Make,
    data: Data,
    *,
    seeds: Sequence[int] = range(5),
    run: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train once per seed on one split; return what the runs say, each and together.

    make: (data, seed) -> a new Learner with that seed; a net of your own is made inside it, and
    its first weights then follow the seed too
    run: the runs are put beside each other as <run>-seed<k>; resume: take those that are done as
    they are, and go on with the one that was stopped
    Each run is trained, looked at and bundled as ``tilth train`` does. In the result, "test" and
    "test_sd" hold the mean and standard deviation of each metric, "runs" each run's own.
    Raises UserError for fewer than two seeds, and for learners that are not new.

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> data = tl.arrays(inputs, inputs[:, 0] > 0)
    >>> def make(data, seed):
    ...     return tl.Learner(data, seed=seed, epochs=1, lr=0.01)
    >>> found = tl.repeat(make, data, seeds=range(2), run="runs/twice", quiet=True)
    >>> [Path(one["run"]).name for one in found["runs"]]
    ['twice-seed0', 'twice-seed1']
    """
    job = _job(data, run, resume, force, quiet, "repeat")
    return _over_seeds(job, list(seeds), make, lambda: data)


@checked
def cross_validate(
    make: Make,
    data: Data,
    *,
    folds: int = 5,
    seed: int = 0,
    split_seed: int = 0,
    run: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train once per fold, so that every row is a test row once; return what the folds say.

    make: (data of the fold, seed) -> a new Learner; a net of your own is made inside it
    split_seed: of the dealing of rows; run: the runs are put beside each other as <run>-fold<k>
    resume: take the folds that are done as they are, and go on with the one that was stopped
    The splits that ``data`` has are not kept. The result is that of ``tl.repeat``.
    Raises UserError for fewer than two folds, more folds than rows, data that was split by group
    or time, and for learners that are not new.

    >>> import torch
    >>> from torch import nn
    >>> from torch.utils.data import TensorDataset
    >>> import tilth as tl
    >>> points = torch.randn(120, 2, generator=torch.Generator().manual_seed(0))
    >>> data = tl.dataset(TensorDataset(points, (points[:, 0] > 0).long()))
    >>> def make(data, seed):
    ...     return tl.Learner(data, nn.Linear(2, 2), seed=seed, epochs=1, lr=0.01)
    >>> found = tl.cross_validate(make, data, folds=3, run="runs/own", quiet=True)
    >>> sum(one["test_rows"] for one in found["runs"])
    120
    """
    job = _job(data, run, resume, force, quiet, "cross_validate")
    for name in ("group", "time"):
        if data.origin.get(name):
            raise UserError(
                f"cross_validate with {data.name}, split by {name}={data.origin[name]!r}",
                rule=PARTED,
                fix=f"train once: one split respects {name}",
            )
    return _over_folds(job, folds, split_seed, lambda part: make(part, seed), lambda: data, seed)


def repeat_job(job: Job, count: int) -> dict[str, Any]:
    """Do what ``repeat`` does with a job's settings, beginning with its seed."""
    first = job.settings.train.seed

    def make(data: Data, seed: int) -> Learner:
        settings = replace(job.settings, train=replace(job.settings.train, seed=seed))
        return make_learner(data, replace(job, settings=settings, run=None))

    seeds = list(range(first, first + count))
    return _over_seeds(job, seeds, make, lambda: read(job.settings.data))


def cross_validate_job(job: Job, folds: int) -> dict[str, Any]:
    """Do what ``cross_validate`` does with a job's settings."""
    settings = job.settings
    for name in ("group", "time"):
        if getattr(settings.data, name):
            fix = f"leave --folds out: one split respects --{name}"
            raise UserError(f"--folds with --{name}", rule=PARTED, fix=fix)
    split_seed, seed = settings.data.split_seed, settings.train.seed
    return _over_folds(
        job,
        folds,
        split_seed,
        lambda part: make_learner(part, replace(job, run=None)),
        lambda: read(settings.data),
        seed,
    )


def base_of(job: Job) -> Path:
    """Return the folder whose name those of the runs begin with."""
    if job.run is None and job.resume:
        raise UserError("--resume without a folder", fix="name the runs with -o RUN")
    return job.run or default_path(Path(job.settings.data.path).resolve().name)


def _job(
    data: Data, run: str | Path | None, resume: bool, force: bool, quiet: bool, name: str
) -> Job:
    if resume and run is None:
        raise UserError("resume=True without a folder", fix="name the runs with run='runs/name'")
    base = Path(run) if run else default_path(data.name)
    again = f"run the same script again with {name}(..., run={str(base)!r}, resume=True)"
    return Job(Settings(), base, force=force, resume=resume, quiet=quiet, again=again)


def _over_seeds(
    job: Job, seeds: list[int], make: Make, read_data: Callable[[], Data]
) -> dict[str, Any]:
    if len(set(seeds)) < max(2, len(seeds)):
        raise UserError(
            f"repeats={len(seeds)}" if len(seeds) < 2 else f"seeds={seeds}",
            rule="a spread needs at least 2 seeds, each of them once",
        )

    def learner_of(data: Data, seed: int) -> Learner:
        with seeded(fold(seed, "model"), CPU):
            learner = make(data, seed)
        if learner.settings.seed != seed:
            raise UserError(
                f"make(data, {seed}) gave a learner with seed={learner.settings.seed}",
                rule="every run has the seed it is called by",
                fix="hand it on: tl.Learner(data, ..., seed=seed)",
            )
        _check_splits(learner, data)
        return learner

    return _train_all(job, "seed", seeds, learner_of, read_data)


def _over_folds(
    job: Job,
    folds: int,
    split_seed: int,
    make: Callable[[Data], Learner],
    read_data: Callable[[], Data],
    seed: int,
) -> dict[str, Any]:
    if folds < 2:
        raise UserError(f"folds={folds}", rule="there are at least 2 folds")
    splits: list[dict[str, IntArray]] = []

    def learner_of(data: Data, number: int) -> Learner:
        count = sum(len(rows) for rows in data.splits.values())
        if folds > count:
            raise UserError(f"folds={folds}", rule=f"between 2 and the number of rows, {count}")
        if not splits:
            splits.extend(fold_splits(as_rows(data), folds, split_seed))
        part = _fold(data, splits, number)
        with seeded(fold(seed, "model"), CPU):
            learner = make(part)
        _check_splits(learner, part)
        learner.again = job.again or "repeat the command with --folds, adding --resume"
        return learner

    return _train_all(job, "fold", list(range(1, folds + 1)), learner_of, read_data)


def _fold(data: Data, splits: list[dict[str, IntArray]], number: int) -> Data:
    """Return the data split as in one fold, with notes that hold for it."""
    part = as_rows(data).with_splits(splits[number - 1])
    said = SplitNote(f"fold {number} of {len(splits)}: every row is a test row in one of them")
    part.notes = [*(note for note in data.notes if not isinstance(note, SplitNote)), said]
    return part


def _train_all(
    job: Job,
    kind: str,
    numbers: list[int],
    learner_of: Make,
    read_data: Callable[[], Data],
) -> dict[str, Any]:
    base = base_of(job)
    jobs = [replace(job, run=base.with_name(f"{base.name}-{kind}{number}")) for number in numbers]
    for one in jobs:  # all of them before the first is trained
        check_job(one)
    data, found, mode = read_data(), [], "max"
    trained: weakref.WeakSet[nn.Module] = weakref.WeakSet()
    for number, one in zip(numbers, jobs, strict=True):
        learner = learner_of(data, number)
        _check_new(learner, trained)
        learner.run_folder, learner.force, learner.quiet = one.run, one.force, one.quiet
        run, told = train_learner(learner, one)
        mode = run.audit()["metrics"][told["main_metric"]]["mode"]
        found.append(told)
    result = together(found, kind, numbers, mode)
    job.say("")
    job.say(table(result, kind))
    return result


def _check_splits(learner: Learner, given: Data) -> None:
    """Raise UserError where a learner has other rows than make was given."""
    splits = learner.data.splits
    if set(splits) == set(given.splits) and all(
        np.array_equal(rows, given.splits[name]) for name, rows in splits.items()
    ):
        return
    raise UserError(
        "make gave a learner whose data is not the one it was given",
        rule="each run has the rows it is called with",
        fix="hand it on: def make(data, seed): return tl.Learner(data, ..., seed=seed)",
    )


def _check_new(learner: Learner, trained: weakref.WeakSet[nn.Module]) -> None:
    """Raise UserError where a learner or its net was in a run before, or names a run itself."""
    if learner.run_folder is not None:
        raise UserError(
            f"make gave a learner with run={str(learner.run_folder)!r}",
            rule="the runs are named together",
            fix="give run= to cross_validate or repeat, and leave it out in make",
        )
    layers = {
        layer
        for layer in learner.model.modules()
        if any(parameter.requires_grad for parameter in layer.parameters(recurse=False))
    }
    if learner.current_run is not None or any(layer in trained for layer in layers):
        raise UserError(
            "make gave a net that was trained in a run before",
            rule="each run begins with new weights, or it would know another's test rows",
            fix="build the net and the Learner inside make",
        )
    trained.update(layers)
