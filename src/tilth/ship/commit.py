"""Put a bundle's folder into place: whole or not at all, with one message where that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tilth import files
from tilth.errors import UserError


def commit_bundle(folder: Path, write: Callable[[Path], None], *, force: bool) -> None:
    """Make ``folder`` from what ``write`` puts into the empty folder that it is given.

    Raises UserError where it cannot be written.
    """
    try:
        files.commit_folder(folder, write, overwrite=force)
    except OSError as error:
        raise UserError(
            f"cannot write the bundle to {folder} ({error.strerror or error})",
            fix="choose another folder",
        ) from error
