"""The files of a run that a report is made from, each read if it is there."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.errors import UserError
from tilth.wording import counted


@dataclass(frozen=True)
class RunFiles:
    """What a run folder says of itself; a part that is missing or damaged is empty.

    missing: the parts that are, with the reason, in words
    """

    folder: Path
    audit: Mapping[str, Any]
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, Any]
    outcome: Mapping[str, Any]
    records: list[dict[str, Any]]
    missing: list[str]


def read_run(folder: Path) -> RunFiles:
    """Read the run's files; only audit.json must be there.

    Raises UserError where the folder or a readable audit.json is not.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="tilth runs lists the runs")
    missing: list[str] = []
    audit = _json(folder / "audit.json", missing)
    if "main_metric" not in audit:
        raise UserError(
            f"{folder} has no audit ({missing[0] if missing else 'audit.json holds none'})",
            rule="a report is made from the audit of a finished run",
            fix=f"tilth resume {shlex.quote(str(folder))} trains what is left and looks at it",
        )
    return RunFiles(
        folder=folder,
        audit=audit,
        config=_toml(folder / "config.toml", missing),
        environment=_json(folder / "env.json", missing),
        data=_json(folder / "data.json", missing),
        outcome=_json(folder / "DONE", missing),
        records=_records(folder / "metrics.jsonl", missing),
        missing=missing,
    )


def _json(path: Path, missing: list[str]) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        missing.append(f"{path.name} is missing")
        return {}
    except (OSError, ValueError) as error:
        missing.append(f"{path.name} cannot be read: {error}")
        return {}
    return found if isinstance(found, dict) else {}


def _toml(path: Path, missing: list[str]) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing.append(f"{path.name} is missing")
    except (OSError, ValueError) as error:
        missing.append(f"{path.name} cannot be read: {error}")
    return {}


def _records(path: Path, missing: list[str]) -> list[dict[str, Any]]:
    """Return the lines that are whole: a run that was killed may have torn the last one."""
    if not path.is_file():
        missing.append(f"{path.name} is missing")
        return []
    records, torn = [], 0
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            torn += 1
            continue
        if isinstance(record, dict):
            records.append(record)
    if torn:
        left = counted(torn, "damaged line is", "damaged lines are")
        missing.append(f"{path.name}: {left} left out")
    return records
