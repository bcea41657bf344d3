"""tilth check: what is wrong with the data, before training."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import click

from tilth.cli._options import as_json, changes, data_options, emit, settings_from
from tilth.cli._verb import Verb

MARKS = {"error": "ERROR", "warning": "warning", "info": "note"}


@click.command(
    "check",
    cls=Verb,
    short_help="Look at the data before training.",
    examples=["tilth check flowers/", "tilth check houses.csv --target price --json"],
)
@click.argument("path")
@data_options
@changes
@as_json
def command(path: str, as_json: bool, **options: Any) -> None:
    """Look at PATH for trouble: unreadable files, duplicates across splits, leaking or constant
    columns, imbalance, unseen labels. Exits with 1 where something must be mended first.
    """
    settings = settings_from(path, options)
    from tilth.flow.sources import read

    data = read(settings.data)
    findings = data.findings()
    if as_json:
        emit(
            {
                "name": data.name,
                "describe": data.describe(),
                "notes": data.notes,
                "findings": [dataclasses.asdict(finding) for finding in findings],
                "bad_items": [dataclasses.asdict(bad) for bad in data.bad_items],
            }
        )
    else:
        tell(data, findings)
    if any(finding.severity == "error" for finding in findings):
        sys.exit(1)


def tell(data: Any, findings: list[Any]) -> None:
    """Print what was read, each finding and what was set aside."""
    click.echo(repr(data))
    for finding in findings:
        click.echo(f"{MARKS[finding.severity]}: {finding.what} [{finding.code}]")
        if finding.fix:
            click.echo(f"    {finding.fix}")
        for item in finding.items[:5]:
            click.echo(f"      {item}")
        if len(finding.items) > 5:
            click.echo(f"      ... {len(finding.items) - 5} more (--json lists them)")
    shown = {item for finding in findings for item in finding.items[:5]}
    for bad in data.bad_items:
        if f"{bad.item}: {bad.reason}" not in shown:
            click.echo(f"set aside: {bad.item}: {bad.reason}")
    if not findings:
        click.echo("nothing found that needs mending")
