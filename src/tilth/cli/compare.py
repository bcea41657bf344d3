"""tilth compare: runs side by side, on the same test rows or not at all."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit
from tilth.cli._verb import Verb


@click.command(
    "compare",
    cls=Verb,
    short_help="Put runs side by side.",
    examples=["tilth compare runs/flowers runs/flowers-2"],
)
@click.argument("runs", nargs=-1, required=True, type=click.Path())
@as_json
def command(runs: tuple[str, ...], as_json: bool) -> None:
    """Compare RUNS: scores, paired differences with intervals, what they cost.

    Runs with different test rows are refused.
    """
    from tilth.audit.compare import as_text, compare

    found = compare([Path(run) for run in runs])
    if as_json:
        emit(found)
    else:
        click.echo(as_text(found))
