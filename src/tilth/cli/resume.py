"""tilth resume: go on where a run stopped, to the same weights to the bit."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit, quiet
from tilth.cli._verb import Verb


@click.command(
    "resume",
    cls=Verb,
    short_help="Go on with a run that was stopped.",
    examples=["tilth resume runs/flowers"],
)
@click.argument("run", type=click.Path())
@quiet
@as_json
def command(run: str, quiet: bool, as_json: bool) -> None:
    """Go on with the run in folder RUN from its last checkpoint."""
    from tilth.flow.train import resume

    _, found = resume(Path(run), quiet=quiet)
    if as_json:
        emit(found)
