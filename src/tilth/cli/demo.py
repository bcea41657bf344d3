"""tilth demo: the whole flow on handwritten digits that scikit-learn carries."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit, force, quiet
from tilth.cli._verb import Verb


@click.command(
    "demo",
    cls=Verb,
    short_help="The whole flow on built-in digits, in a minute.",
    examples=["tilth demo", "tilth demo -o runs/mine --seed 1"],
)
@click.option(
    "-o",
    "--out",
    default="runs/digits",
    show_default=True,
    type=click.Path(),
    help="Folder of the run.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Seed of weights, order and augmentation."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@force
@quiet
@as_json
def command(out: str, seed: int, resume: bool, force: bool, quiet: bool, as_json: bool) -> None:
    """Train on 1,797 handwritten digits (8 x 8 px), report and bundle the model."""
    from tilth.flow.demo import demo

    found = demo(Path(out), seed=seed, force=force, resume=resume, quiet=quiet)
    if as_json:
        emit(found)
