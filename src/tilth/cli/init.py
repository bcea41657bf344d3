"""tilth init: the full configuration as a commented file."""

from __future__ import annotations

from typing import Any

import click

from tilth.cli._options import as_json, data_options, emit, settings_from
from tilth.cli._verb import Verb


@click.command(
    "init",
    cls=Verb,
    short_help="Print a full tilth.toml for some data.",
    examples=[
        "tilth init flowers/ > tilth.toml",
        "tilth init houses.csv --target price > tilth.toml",
    ],
)
@click.argument("path")
@data_options
@as_json
def command(path: str, as_json: bool, **options: Any) -> None:
    """Print the configuration that `tilth train PATH` would use, every setting explained:
    tilth init flowers/ > tilth.toml; tilth train tilth.toml --set train.epochs=3
    """
    settings = settings_from(path, options)
    from tilth.flow.settings_file import commented
    from tilth.flow.sources import check_data_settings

    check_data_settings(settings.data)

    if as_json:
        emit(settings.to_config())
    else:
        click.echo(commented(settings), nl=False)
