"""Copy a bundle: verified before, whole or not at all after."""

from __future__ import annotations

from pathlib import Path

from tilth import files
from tilth.ship.bundle import check_place
from tilth.ship.commit import commit_bundle
from tilth.ship.open_bundle import read_bundle


def copy_bundle(source: str | Path, to: str | Path, *, force: bool = False) -> Path:
    """Copy the listed files of a bundle to a folder of its own and return it.

    Raises UserError where the source is damaged or something is in the way.
    """
    folder, to = read_bundle(source).folder, Path(to)
    check_place(to, force)
    # the card may be edited or gone; the rest was verified
    names = sorted(name for name in files.read_manifest(folder) if (folder / name).exists())

    def write(aside: Path) -> None:
        for name in names:
            files.write_bytes(aside / name, (folder / name).read_bytes())

    commit_bundle(to, write, force=force)
    return to
