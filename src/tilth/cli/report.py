"""tilth report: make the report of a run again."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit
from tilth.cli._verb import Verb


@click.command(
    "report",
    cls=Verb,
    short_help="Make a run's report again.",
    examples=["tilth report runs/flowers"],
)
@click.argument("run", type=click.Path())
@as_json
def command(run: str, as_json: bool) -> None:
    """Write RUN/report.html from the run's own files; the data is not needed."""
    from tilth.audit.report import render
    from tilth.train.run_folder import RunFolder

    path = render(Path(RunFolder.open(run).path))
    if as_json:
        emit({"report": str(path)})
    else:
        click.echo(path)
