"""tilth doctor: what this machine and installation can do."""

from __future__ import annotations

import click

from tilth.cli._options import as_json, emit
from tilth.cli._verb import Verb


@click.command(
    "doctor",
    cls=Verb,
    short_help="Print versions, devices, extras and models.",
    examples=["tilth doctor", "tilth doctor --json"],
)
@as_json
def command(as_json: bool) -> None:
    """Print versions, devices (each probed with a real operation), optional extras with the
    command that brings what they lack, folders and model names.
    """
    from tilth.flow.doctor import examine_machine

    found = examine_machine()
    if as_json:
        emit(found)
        return
    for section, values in found.items():
        click.echo(section)
        for name, value in values.items():
            click.echo(f"  {name:<14} {told(value)}")


def told(value: object) -> str:
    """Return a value in words.

    >>> told([]), told(True), told(["a", "b"])
    ('none', 'yes', 'a, b')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
