"""What this machine and installation can do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tilth import registry
from tilth.cache import cache_folder
from tilth.flow.extras import extras
from tilth.train.device import KINDS, works
from tilth.train.environment import hardware, versions
from tilth.train.measure import cpu_name


def examine_machine() -> dict[str, dict[str, Any]]:
    """Return versions, hardware, devices that work, folders and the names in the registries."""
    devices = {kind: works(kind) or "works" for kind in KINDS}
    cache = cache_folder()
    return {
        "versions": versions(),
        "hardware": {**hardware(), "instructions": cpu_name()},
        "devices": devices,
        "extras": extras(),
        "folders": {
            "cache": f"{cache} ({'writable' if writable(cache) else 'not writable'})",
            "here": f"{Path.cwd()} ({'writable' if writable(Path.cwd()) else 'not writable'})",
        },
        "offers": {
            "models": ", ".join(registry.names("tilth.models")),
            "tasks": ", ".join(registry.names("tilth.tasks")),
        },
    }


def writable(folder: Path) -> bool:
    """Say whether files can be made in a folder, or in the first one above it that exists."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return os.access(there, os.W_OK)
