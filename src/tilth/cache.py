"""Where tilth keeps what it can make again: measurements and decoded pictures."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder for tilth: TILTH_CACHE, else XDG_CACHE_HOME/tilth."""
    own = os.environ.get("TILTH_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tilth"
