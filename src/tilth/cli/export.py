"""tilth export: the bundle of a run, at a place of your own."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit, force
from tilth.cli._verb import Verb


@click.command(
    "export",
    cls=Verb,
    short_help="Write a run's bundle somewhere.",
    examples=["tilth export runs/flowers flowers-model"],
)
@click.argument("run", type=click.Path())
@click.argument("to", type=click.Path())
@force
@as_json
def command(run: str, to: str, force: bool, as_json: bool) -> None:
    """Copy the bundle of RUN to the folder TO, verified.

    A finished run that lost its bundle gets it again, from its checkpoint.
    """
    from tilth.flow.train import bundled
    from tilth.ship.usage import usage_of

    path = bundled(Path(run)).export(to, force=force)
    if as_json:
        emit({"bundle": str(path)})
    else:
        click.echo(path)
        click.echo(f"Next: {usage_of(path)}", err=True)
