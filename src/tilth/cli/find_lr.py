"""tilth find-lr: the learning-rate range test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from tilth.cli._options import again, as_json, data_options, emit, settings_from, train_options
from tilth.cli._verb import Verb


@click.command(
    "find-lr",
    cls=Verb,
    short_help="Propose a learning rate.",
    examples=["tilth find-lr flowers/", "tilth find-lr houses.csv --target price --plot curve.png"],
)
@click.argument("path")
@data_options
@train_options
@click.option("--plot", type=click.Path(), help="Write the curve to this picture.")
@as_json
def command(path: str, plot: str | None, as_json: bool, **options: Any) -> None:
    """Run the learning-rate range test on PATH; nothing is trained or written."""
    settings = settings_from(path, options)
    from tilth.flow.sources import read
    from tilth.flow.train import Job, check_asked, make_learner

    check_asked(settings)
    if plot:
        check_plot(Path(plot))
    learner = make_learner(read(settings.data), Job(settings, quiet=True))
    found = learner.find_lr()
    if plot:
        found.plot().savefig(plot)
    if as_json:
        emit(vars(found))
    else:
        click.echo(f"learning rate {found.suggestion:.2g}: {found.reason}")
        click.echo(f"readings of the curve: {found.low:.2g} to {found.high:.2g}")
        rest = again(click.get_current_context(), without=("plot", "lr"))
        words = ["tilth", "train", path, *rest, "--lr", f"{found.suggestion:.2g}"]
        click.echo(f"Next: {shlex.join(words)}")


def check_plot(path: Path) -> None:
    """Raise UserError for a picture that could not be written, before the test is run."""
    from matplotlib.figure import Figure

    from tilth.errors import UserError

    kinds = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.lower()[1:] not in kinds:
        raise UserError(f"--plot {path}", rule="its ending says the kind of picture", choices=kinds)
    if not path.absolute().parent.is_dir():
        raise UserError(f"there is no folder {path.absolute().parent}", fix="make it first")
