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
from tilth.train.run_folder import lacking
from tilth.train.toml import dump
from tilth.wording import counted


def read_settings(path: Path) -> Settings:
    """Read a tilth.toml, or the config.toml of a run; its data paths are relative to the file.

    What a run adds to its settings (its phases) is left out: it is trained anew.
    Raises UserError for a file that is not there or not TOML, for unknown settings, and for a run
    that no file brings back, or not all of whose fits.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", fix="tilth init DATA > tilth.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    settings = _of_one_fit(config, path) if _is_of_run(config) else Settings.from_config(config)
    places = _places(settings.data, path.parent)
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, **places))


def settings_of_run(config: Mapping[str, Any], place: Path) -> Settings:
    """Return the settings in a run's config.toml; raise UserError where they are not all of it."""
    lacks = lacking(config)
    if lacks:
        raise UserError(
            f"{place} holds settings that do not make its run again",
            rule=lacks,
            fix="run what made it again, or begin from files: tilth train DATA",
        )
    return Settings.from_config({k: v for k, v in config.items() if k not in ("phase", "seed")})


def later_fits(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the phases of a run that its settings do not ask for: a script called fit again.

    >>> later_fits({"train": {"freeze_epochs": 1}, "phase": [{"frozen": 2}, {"frozen": 0}]})
    []
    """
    asked, phases = config.get("train", {}), list(config.get("phase", []))
    if "freeze_epochs" not in asked:
        return phases[1:]
    # fine-tuning begins with all groups at rest but the head
    return phases[phases[0]["frozen"] + 1 if phases and asked.get("gradual") else 2 :]


def _is_of_run(config: Mapping[str, Any]) -> bool:
    """Say whether a run wrote it: it repeats its seed in front, and then come its phases."""
    repeated = config.get("train", {}).get("seed")
    return "phase" in config or (repeated is not None and config.get("seed") == repeated)


def _of_one_fit(config: Mapping[str, Any], path: Path) -> Settings:
    later = later_fits(config)
    if later:
        epochs = (counted(phase["epochs"], "epoch", "epochs") for phase in later)
        told = ", ".join(f"{n} at {phase['lr']:g}" for n, phase in zip(epochs, later, strict=True))
        raise UserError(
            f"{path} is of a run that called fit more than once",
            rule=f"its settings are those of the first; left out would be {told}",
            fix="run its script again; for the first alone, take [[phase]] out of a copy",
        )
    return settings_of_run(config, path)


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
