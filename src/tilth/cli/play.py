"""tilth play: let a trained policy act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tilth.cli._options import as_json, emit, force
from tilth.cli._verb import Verb
from tilth.errors import UserError


@click.command(
    "play",
    cls=Verb,
    short_help="Let a trained policy act in its world.",
    examples=["tilth play runs/pole", "tilth play runs/pole --episodes 20 --film pole.gif"],
)
@click.argument("run", type=click.Path())
@click.option("--episodes", default=10, show_default=True, help="How many are played.")
@click.option("--seed", default=0, show_default=True, help="Of the episodes.")
@click.option("--film", type=click.Path(), help="Write one episode to this .gif.")
@force
@as_json
def command(
    run: str, episodes: int, seed: int, film: str | None, force: bool, as_json: bool
) -> None:
    """Play episodes with the policy of RUN, without exploring, and say how they go."""
    if episodes < 1:
        raise UserError(f"--episodes {episodes}", rule="at least one is played")
    if film and (Path(film).suffix.lower() != ".gif" or not Path(film).parent.is_dir()):
        raise UserError(f"--film {film}", rule="a film is a .gif in a folder that is there")
    if film and Path(film).exists() and not force:
        raise UserError(f"{film} exists", fix="name another file, or add --force")
    from tilth.flow.play import play_run

    found: dict[str, Any] = play_run(Path(run), episodes=episodes, seed=seed, film=film)
    if as_json:
        emit(found)
        return
    click.echo(f"{found['world']}: mean return {found['return']:.4g} over {episodes} episodes")
    click.echo(f"least {found['least']:.4g}, most {found['most']:.4g}")
    if film:
        click.echo(f"film  {film}")
