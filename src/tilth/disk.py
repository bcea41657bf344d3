"""The disk operations of ``files.py``, one function each.

All durable writing goes through these, so that a test that replaces them can stop the world at any
single operation.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

WINDOWS = os.name == "nt"


def make_folder(path: Path) -> None:
    """Make one folder; raises FileExistsError where there is one."""
    path.mkdir()


def write(path: Path, data: bytes) -> None:
    """Write a whole file, not yet durable."""
    with path.open("wb") as file:
        file.write(data)


def sync_file(path: Path) -> None:
    """Return when the file's content is on the disk."""
    with path.open("r+b") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Return when the folder's entries (new names, renames) are on the disk."""
    if WINDOWS:  # it has no such call; NTFS keeps the order of renames in its journal
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some network file systems cannot; the files themselves are flushed
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def rename(source: Path, target: Path) -> None:
    """Move in one step; a file at ``target`` is replaced, a folder with content is not."""
    source.replace(target)


def unlink(path: Path) -> None:
    """Delete one file."""
    path.unlink()


def remove_folder(path: Path) -> None:
    """Delete one empty folder."""
    path.rmdir()


def is_running(pid: int) -> bool:
    """Say whether a process of this machine is alive (where in doubt: it is)."""
    if WINDOWS:  # there os.kill(pid, 0) would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # alive, and another user's
        return True
    return True
