"""tilth compare: runs side by side, on the same test rows or not at all."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit


@click.command("compare", short_help="Put runs side by side.")
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
