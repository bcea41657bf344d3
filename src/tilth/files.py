"""Files that are whole or absent: written aside, hashed, fsynced, renamed into place.

A folder is committed with a ``manifest.json`` (SHA-256 and size of every file, and a SHA-256 of
that list), so that a reader can tell damage from data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from typing import Any

from tilth import disk
from tilth.aside import clean_up, recover, release, remove, reserve, reserved
from tilth.errors import UserError

MANIFEST = "manifest.json"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file plainly: for the folder ``commit_folder`` hands out, which it makes durable.

    Raises OSError, as everything here does, when the disk is full or not writable.
    """
    disk.write(path, data)


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a single file so that a reader sees the old content or the new, never a part.

    Missing folders above it are made.
    """
    path = Path(path)
    make_folders(path.parent)
    clean_up(path.parent, path.name)
    with reserved(path, "tmp") as aside:
        disk.write(aside, data)
        disk.sync_file(aside)
        disk.rename(aside, path)
        disk.sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file that is whole or absent (see ``replace_bytes``).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "notes", "a.txt")
    >>> write_text(path, "whole")
    >>> path.read_text()
    'whole'
    """
    replace_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is whole or absent; raises ValueError for infinities and nan."""
    replace_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return ``value`` as indented JSON; raises ValueError for infinities and nan."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def make_folders(path: Path) -> None:
    """Make a folder and its missing parents, each durable in the one above."""
    if path.is_dir():
        return
    make_folders(path.parent)
    try:
        disk.make_folder(path)
    except FileExistsError:
        if not path.is_dir():  # a folder: somebody else was quicker
            raise
    disk.sync_folder(path.parent)


def commit_folder(final: Path, write: Callable[[Path], None], *, overwrite: bool = False) -> None:
    """Make the folder ``final`` whole or not at all, with a manifest of its files.

    ``write`` fills the empty folder it is given (with ``write_bytes`` or in any other way).
    With ``overwrite`` what was there stays whole until the new folder is; after a crash between
    the two renames the next ``recover`` brings it back.
    Raises UserError where ``final`` exists and is not to be replaced; OSError leaves no trace.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp(), "step-1")
    >>> commit_folder(folder, lambda aside: write_bytes(aside / "a.txt", b"hello"))
    >>> verify(folder)
    []
    """
    final = Path(final)
    make_folders(final.parent)
    recover(final.parent, final.name)
    if not overwrite and _holds_something(final):
        raise UserError(
            f"{final} already exists",
            rule="nothing is overwritten unasked",
            fix="choose another place, or say so (force=True, --force)",
        )
    with reserved(final, "tmp") as aside:
        disk.make_folder(aside)
        write(aside)
        _seal(aside)
        _move_in(aside, final)


def _holds_something(path: Path) -> bool:
    return path.exists() and not (path.is_dir() and next(path.iterdir(), None) is None)


def _seal(folder: Path) -> None:
    """Add the manifest, then flush every file and folder."""
    found = sorted(folder.rglob("*"))
    files = [path for path in found if path.is_file()]
    listed = {
        path.relative_to(folder).as_posix(): {"sha256": digest(path), "size": path.stat().st_size}
        for path in files
    }
    manifest = json_bytes({"files": listed, "sha256": _digest_of(listed)})
    disk.write(folder / MANIFEST, manifest.rstrip())  # so that losing any byte breaks the JSON
    for path in (*files, folder / MANIFEST):
        disk.sync_file(path)
    for path in (*(path for path in found if path.is_dir()), folder):
        disk.sync_folder(path)


def _move_in(aside: Path, final: Path) -> None:
    if not final.exists():
        disk.rename(aside, final)
        disk.sync_folder(final.parent)
        return
    old = reserve(final, "old")
    try:
        disk.rename(final, old)
        try:
            disk.rename(aside, final)
        except BaseException:
            disk.rename(old, final)
            raise
        disk.sync_folder(final.parent)
        remove(old)
    finally:
        release(old)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path) -> list[str]:
    """Compare a committed folder with its manifest; return the problems, each naming a file.

    Files that the manifest does not list are not looked at: readers read only listed ones.
    """
    try:
        listed = read_manifest(folder)
    except (OSError, ValueError) as error:
        return [f"{MANIFEST}: {error}"]
    checks = (_check(folder, name, entry) for name, entry in listed.items())
    return [problem for problem in checks if problem]


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Return file name -> {"sha256": 64 hexadecimal digits, "size": bytes}.

    Raises OSError where it cannot be read, ValueError where it is damaged or points outside.
    """
    content = json.loads((Path(folder) / MANIFEST).read_bytes())
    listed = content.get("files") if isinstance(content, dict) else None
    if not isinstance(listed, dict) or content.get("sha256") != _digest_of(listed):
        raise ValueError("it is not the list of files that was written")
    for name, entry in listed.items():
        place = PureWindowsPath(name)  # which also splits at what separates elsewhere
        if place.anchor or ".." in place.parts:
            raise ValueError(f"{name} lies outside the folder")
        if not isinstance(entry, dict) or not {"sha256", "size"} <= set(entry):
            raise ValueError(f"{name} is listed without its SHA-256 and size")
    return listed


def _digest_of(listed: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def _check(folder: Path, name: str, entry: dict[str, Any]) -> str | None:
    path = folder / name
    try:
        size = path.stat().st_size
        if size != entry["size"]:
            return f"{name}: {size} bytes where {entry['size']} were written"
        if digest(path) != entry["sha256"]:
            return f"{name}: its SHA-256 is not the one it was written with"
    except OSError as error:
        return f"{name}: {error.strerror or error}"
    return None
