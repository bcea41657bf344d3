"""tilth.toml: every setting, what it means, and what it is when left alone."""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.data.image_labels import labels_table
from tilth.data.partner_files import partners_folder
from tilth.errors import UserError
from tilth.flow.settings import WORLD, DataSettings, Settings
from tilth.train.toml import dump


def read_settings(path: Path) -> Settings:
    """Read a tilth.toml, or the config.toml of a run; its data paths are relative to the file.

    What a run adds to its settings (its phases) is left out: it is trained anew.
    Raises UserError for a file that is not there or not TOML, for unknown settings, and for a run
    that no file brings back.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", fix="tilth init DATA > tilth.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    settings = Settings.from_config(_asked(config) if "phase" in config else config)
    places = _places(settings.data, path.parent)
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, **places))


def _asked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a run's config.toml; raise UserError where they are not all of it."""
    lost = [part for part in ("own", "again") if part in config]
    if lost or not config.get("data", {}).get("path"):
        raise UserError(
            "a run that was made by a script of its own, or from data in memory",
            rule="the settings of a run train another one where they name all its parts",
            fix="run the script again",
        )
    return {name: part for name, part in config.items() if name not in ("phase", "seed")}


def _places(data: DataSettings, here: Path) -> dict[str, Any]:
    """Return the data settings that are paths, which are relative to ``here``, as absolute ones.

    A world is none, and what is wanted of pictures may be found by a pattern.
    """
    names = ["onto", "test", "decisions"]
    names += [] if data.path.startswith(WORLD) else ["path"]
    names += ["labels"] if labels_table(data.labels) else []
    found = {name: here / given for name in names if (given := getattr(data, name))}
    for name in ("masks", "pairs"):
        given = getattr(data, name)
        folder = given and partners_folder(given, here / data.path, here)
        found |= {name: folder} if folder else {}
    return {name: str(place.resolve()) for name, place in found.items()}


def commented(settings: Settings) -> str:
    """Return the settings as TOML: those given as values, the others as comments to fill in."""
    given = settings.to_config()
    given["data"] |= _places(settings.data, Path())
    parts = []
    for field in dataclasses.fields(settings):
        room = getattr(settings, field.name)
        about = inspect.cleandoc(type(room).__doc__ or "").partition("\n\n>>>")[0]
        lines = [f"# {line}".rstrip() for line in about.splitlines()]
        lines.append(f"[{field.name}]")
        for setting in dataclasses.fields(room):
            lines.append(line_for(setting.name, given[field.name].get(setting.name), setting.type))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def line_for(name: str, value: Any, kind: Any) -> str:
    """Return one setting as a line of TOML, commented out where it is left to be chosen.

    >>> line_for("epochs", 3, "int | None"), line_for("lr", None, "float | None")
    ('epochs = 3', '# lr =            # float; chosen and said when left out')
    """
    if value is None or isinstance(value, dict):
        plain = str(kind).replace(" | None", "")
        return f"# {name} =".ljust(18) + f"# {plain}; chosen and said when left out"
    values = list(value) if isinstance(value, tuple) else value
    return dump({name: values}).strip()
