"""tilth sample: rows that a trained generator makes up."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit, force
from tilth.cli._verb import Verb
from tilth.errors import UserError


@click.command(
    "sample",
    cls=Verb,
    short_help="Make rows up with a trained generator.",
    examples=[
        "tilth sample runs/digits --count 64 -o samples",
        "tilth sample runs/digits --label 3 --seed 1 -o threes",
    ],
)
@click.argument("model", type=click.Path())
@click.option("--count", default=64, show_default=True, help="How many are made.")
@click.option("--seed", default=0, show_default=True, help="Of the noise that they begin from.")
@click.option("--label", help="What they are made for, where the model was told labels.")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder for what is made.")
@force
@as_json
def command(
    model: str, count: int, seed: int, label: str | None, out: str, force: bool, as_json: bool
) -> None:
    """Make rows up with the bundle or run MODEL: pictures as PNG, rows of numbers as CSV."""
    if count < 1:
        raise UserError(f"--count {count}", rule="at least one is made")
    folder = Path(out)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not force):
        raise UserError(
            f"{out} is there already",
            rule="nothing is overwritten unasked",
            fix="name another folder, or add --force to write into this one",
        )
    from tilth.flow.sample import sample_to

    found = sample_to(Path(model), folder, count=count, seed=seed, label=label)
    if as_json:
        emit(found)
        return
    click.echo(f"{found['count']:,} made, in {found['folder']}")
