"""tilth runs: the runs in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit
from tilth.cli._verb import Verb


@click.command(
    "runs",
    cls=Verb,
    short_help="List runs.",
    examples=["tilth runs", "tilth runs elsewhere/ --json"],
)
@click.argument("folder", default="runs", type=click.Path())
@as_json
def command(folder: str, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs) with their state and validation score."""
    from tilth.flow.listing import list_runs

    found = list_runs(Path(folder))
    if as_json:
        emit({"runs": found})
    elif not found:
        click.echo(f"no runs in {folder}")
    for run in [] if as_json else found:
        score = ", ".join(f"{name} {value:.4g}" for name, value in run["scores"].items())
        click.echo(f"{run['run']}  {run['status']}  {run['data']}  {run['model']}  {score}")
