"""Names beside the real ones, for what is being written or removed, and what dead writers left.

``.<name>.tmp-<pid>-<number>`` is unfinished, ``.<name>.old-<pid>-<number>`` is whole and about to
be replaced. The next writer finds what a dead one left by these names, and undoes it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from tilth import disk

STALE_SECONDS = 3600.0  # where a process cannot be asked for, what is older than this is dead
_NAME = re.compile(r"\.(?P<name>.+)\.(?P<kind>tmp|old)-(?P<pid>\d+)-\d+", re.DOTALL)
_numbers = itertools.count()
_in_use: set[str] = set()  # what this process is writing; the rest under its pid is a dead one's


@contextlib.contextmanager
def reserved(final: Path, kind: str) -> Iterator[Path]:
    """Hand out a path beside ``final``; delete what is there when the block fails."""
    aside = reserve(final, kind)
    try:
        yield aside
    except BaseException:
        _discard(aside)
        raise
    finally:
        release(aside)


def reserve(final: Path, kind: str) -> Path:
    """Return a new path beside ``final`` that no ``clean_up`` touches until ``release``."""
    aside = final.with_name(f".{final.name}.{kind}-{os.getpid()}-{next(_numbers)}")
    _in_use.add(aside.name)
    return aside


def release(aside: Path) -> None:
    """Give the name back: what still lies there is left over."""
    _in_use.discard(aside.name)


def remove(path: Path) -> None:
    """Delete a file or folder, renamed first so that no half of it is ever seen under its name.

    What cannot be deleted now (held open on Windows) is left to the next ``clean_up``.
    """
    with contextlib.suppress(OSError), reserved(path, "tmp") as aside:
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
        match = _NAME.fullmatch(path.name)
        if match is None or match["kind"] != kind or name not in (None, match["name"]):
            continue
        if not _is_live(path, int(match["pid"])):
            yield path, folder / match["name"]


def _is_live(path: Path, pid: int) -> bool:
    if pid == os.getpid():
        return path.name in _in_use
    if disk.WINDOWS:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    return disk.is_running(pid)
