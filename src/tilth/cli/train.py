"""tilth train: data -> find-lr -> fit -> report -> bundle."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tilth.cli._options import (
    again,
    as_json,
    data_options,
    emit,
    force,
    quiet,
    settings_from,
    train_options,
)
from tilth.cli._verb import Verb
from tilth.errors import UserError


@click.command(
    "train",
    cls=Verb,
    short_help="Train on pictures, a table or a file of settings.",
    examples=[
        "tilth train flowers/ -o runs/flowers",
        "tilth train houses.csv --target price --epochs 20",
        "tilth train tilth.toml --set train.clip=0.5",
        "tilth train runs/flowers/config.toml --seed 1",
        "tilth train env:CartPole-v1 --set task.arguments.method=ppo",
    ],
)
@click.argument("path")
@click.option("-o", "--out", type=click.Path(), help="Folder of the run.")
@data_options
@train_options
@click.option("--repeats", type=int, help="Train with this many seeds; mean and spread.")
@click.option("--folds", type=int, help="k-fold cross-validation, for small data.")
@click.option("--resume", "going_on", is_flag=True, help="Go on with the run in --out.")
@force
@quiet
@as_json
def command(
    path: str,
    out: str | None,
    repeats: int | None,
    folds: int | None,
    going_on: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train on PATH: a folder of pictures in class folders (or of idx files), a table with
    --target, a tilth.toml, or a run's config.toml, by whose settings it trains anew. Prints what it
    inferred, the test score beside simple baselines, and where the report and the bundle are.
    """
    if folds is not None and repeats is not None:
        raise UserError(
            "--folds with --repeats",
            rule="folds change the test rows, repeats keep them: their spreads are not the same",
            fix="give one of the two",
        )
    settings = settings_from(path, options)
    from tilth.flow.several import base_of, cross_validate_job, repeat_job
    from tilth.flow.train import Job, train

    job = Job(settings, Path(out) if out else None, force=force, resume=going_on, quiet=quiet)
    if folds is not None or repeats is not None:
        base = base_of(job)
        typed = again(click.get_current_context(), ("out", "going_on", "force", "as_json"))
        words = ["tilth", "train", path, "-o", str(base), *typed, "--resume"]
        job = replace(job, run=base, again=shlex.join(words))
    if folds is not None:
        found = cross_validate_job(job, folds)
    elif repeats is not None:
        found = repeat_job(job, repeats)
    else:
        _, found = train(job)
    if as_json:
        emit(found)
