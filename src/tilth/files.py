"""Files that are whole or absent: written aside, hashed, fsynced, renamed into place.

A folder is committed with a ``manifest.json`` (SHA-256 and size of every file), so that a reader
can tell damage from data. What a writer leaves when it dies is found by its name,
``.<name>.tmp-<pid>-<number>`` (unfinished) or ``.<name>.old-<pid>-<number>`` (whole, about to be
replaced), and undone by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tilth import disk
from tilth.errors import UserError

MANIFEST = "manifest.json"
STALE_SECONDS = 3600.0  # where a process cannot be asked for, what is older than this is dead
_ASIDE = re.compile(r"\.(?P<name>.+)\.(?P<kind>tmp|old)-(?P<pid>\d+)-\d+", re.DOTALL)
_numbers = itertools.count()
_in_use: set[str] = set()  # what this process is writing; the rest under its pid is a dead one's


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
    with _aside(path, "tmp") as aside:
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
    with _aside(final, "tmp") as aside:
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
    disk.write(folder / MANIFEST, json_bytes({"files": listed}))
    for path in (*files, folder / MANIFEST):
        disk.sync_file(path)
    for path in (*(path for path in found if path.is_dir()), folder):
        disk.sync_folder(path)


def _move_in(aside: Path, final: Path) -> None:
    if not final.exists():
        disk.rename(aside, final)
        disk.sync_folder(final.parent)
        return
    old = _reserve(final, "old")
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
        _in_use.discard(old.name)


def remove(path: Path) -> None:
    """Delete a file or folder, renamed first so that no half of it is ever seen under its name.

    What cannot be deleted now (held open on Windows) is left to the next ``clean_up``.
    """
    with contextlib.suppress(OSError), _aside(path, "tmp") as aside:
        disk.rename(path, aside)
        _discard(aside)


def recover(folder: Path, name: str | None = None) -> None:
    """Undo what dead writers left in ``folder`` (of one name, or of all).

    A replaced folder whose successor never arrived is put back; the unfinished is deleted.
    """
    for aside, final in list(_left_behind(folder, "old", name)):
        if final.exists():
            remove(aside)
        else:
            with contextlib.suppress(OSError):  # a disk that is only read stays as it is
                disk.rename(aside, final)
                disk.sync_folder(folder)
    clean_up(folder, name)


def clean_up(folder: Path, name: str | None = None) -> None:
    """Delete what dead writers left unfinished in ``folder`` (of one name, or of all)."""
    for aside, _ in list(_left_behind(folder, "tmp", name)):
        _discard(aside)


def _discard(aside: Path) -> None:
    """Delete something aside, as far as possible: a later ``clean_up`` tries the rest again."""
    with contextlib.suppress(OSError):
        if aside.is_dir() and not aside.is_symlink():
            for path in list(aside.iterdir()):
                _discard(path)
            disk.remove_folder(aside)
        else:
            disk.unlink(aside)


def _left_behind(folder: Path, kind: str, name: str | None) -> Iterator[tuple[Path, Path]]:
    """Yield (path aside, path it was meant for) of writers that no longer write."""
    for path in folder.iterdir():
        match = _ASIDE.fullmatch(path.name)
        if match and match["kind"] == kind and name in (None, match["name"]):
            if not _is_live(path, int(match["pid"])):
                yield path, folder / match["name"]


def _is_live(path: Path, pid: int) -> bool:
    if pid == os.getpid():
        return path.name in _in_use
    if disk.WINDOWS:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    return disk.is_running(pid)


@contextlib.contextmanager
def _aside(final: Path, kind: str) -> Iterator[Path]:
    """Hand out a path beside ``final``; delete what is there when the block fails."""
    aside = _reserve(final, kind)
    try:
        yield aside
    except BaseException:
        _discard(aside)
        raise
    finally:
        _in_use.discard(aside.name)


def _reserve(final: Path, kind: str) -> Path:
    aside = final.with_name(f".{final.name}.{kind}-{os.getpid()}-{next(_numbers)}")
    _in_use.add(aside.name)
    return aside


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
