"""tilth runs: the runs in a folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

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
    """List the runs in FOLDER (default: runs), newest first, with state and validation score."""
    from tilth.flow.listing import list_runs

    found = list_runs(Path(folder))
    if as_json:
        emit({"runs": found})
    elif not found:
        click.echo(f"no runs in {folder}")
        click.echo("Next: tilth train DATA", err=True)
    else:
        click.echo(as_table(found))
        click.echo(f"Next: {following(found)}", err=True)


def as_table(runs: list[dict[str, Any]]) -> str:
    """Return the runs as columns; the folder is whole, to be pasted, and therefore the last."""
    from tilth.audit.words import short
    from tilth.console import table

    head = ("state", "begun (UTC)", "model", "data", "on valid", "run")
    lines = [
        (
            run["status"],
            str(run["begun"] or "-")[:16].replace("T", " "),
            short(run["model"], 12),
            short(run["data"], 12),
            score(run),
            shlex.quote(run["run"]),
        )
        for run in runs
    ]
    return table([head, *lines])


def score(run: dict[str, Any]) -> str:
    """Return the validation score of the metric that the run is judged by, else its loss."""
    named = {name.removeprefix("valid/"): value for name, value in run["scores"].items()}
    metric = run["main_metric"] if run["main_metric"] in named else "loss"
    return f"{metric[:8]} {named[metric]:.4g}" if metric in named else "-"


def following(runs: list[dict[str, Any]]) -> str:
    """Return what to type next: go on with the newest, or hold it against another, or look."""
    readable = [run for run in runs if run["status"] != "unreadable"]
    if not readable:
        return "look at the disk: no run here can be read"
    newest = readable[0]
    if newest["status"] != "done":  # trained only: a resume makes what is missing
        return str(newest["resume"])
    alike = [
        shlex.quote(run["run"])
        for run in readable
        if run["status"] == "done" and run["test_rows"] == newest["test_rows"]
    ]
    return f"tilth compare {alike[1]} {alike[0]}" if len(alike) > 1 else f"tilth report {alike[0]}"
