"""A disk that stops the world at its k-th operation: a killed process, a power cut, an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tilth import disk

OPERATIONS = (
    "make_folder",
    "write",
    "sync_file",
    "sync_folder",
    "rename",
    "unlink",
    "remove_folder",
)


class Crash(BaseException):
    """The process is gone: no handler may do anything more to the disk."""


class FaultyDisk:
    """Counts the disk's operations and fails at number ``at`` (from 0).

    kind: "before" or "after" the operation, or "torn" (half of a write) the process dies;
    "power" cut: what was not synced is lost; "error": one OSError, then the disk works again
    """

    def __init__(self, kind: str, at: int, error: OSError | None = None) -> None:
        self.kind, self.at, self.error = kind, at, error
        self.log: list[str] = []
        self.dead = False
        self._written: set[Path] = set()  # and not synced
        # (source, target, what the target held) of renames whose folders were not synced
        self._renamed: list[tuple[Path, Path, bytes | None]] = []
        self._true = {name: getattr(disk, name) for name in OPERATIONS}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in OPERATIONS:
            monkeypatch.setattr(disk, name, self._faulty(name))

    def _faulty(self, name: str) -> Callable[..., None]:
        def operation(path: Path, *rest: Any) -> None:
            if self.dead:
                raise Crash
            number = len(self.log)
            self.log.append(name)
            if number != self.at:
                self._do(name, path, *rest)
                return
            self._fail(name, path, *rest)

        return operation

    def _fail(self, name: str, path: Path, *rest: Any) -> None:
        if self.kind == "error":
            if name == "write":
                self._true["write"](path, rest[0][: len(rest[0]) // 2])
            assert self.error is not None
            raise self.error
        self.dead = True
        if self.kind == "torn" and name == "write":
            self._true["write"](path, rest[0][: len(rest[0]) // 2])
        if self.kind in ("after", "power"):
            self._do(name, path, *rest)
        if self.kind == "power":
            self._cut_power()
        raise Crash

    def _do(self, name: str, path: Path, *rest: Any) -> None:
        replaced = rest[0].read_bytes() if name == "rename" and rest[0].is_file() else None
        self._true[name](path, *rest)
        if name == "write":
            self._written.add(path)
        elif name == "sync_file":
            self._written.discard(path)
        elif name == "sync_folder":
            self._renamed = [entry for entry in self._renamed if entry[1].parent != path]
        elif name == "rename":
            self._renamed.append((path, rest[0], replaced))
            self._move(path, rest[0])
        elif name == "unlink":
            self._written.discard(path)

    def _move(self, source: Path, target: Path) -> None:
        moved = {path for path in self._written if path == source or source in path.parents}
        self._written -= moved
        self._written |= {target / path.relative_to(source) for path in moved}

    def _cut_power(self) -> None:
        for source, target, replaced in reversed(self._renamed):
            if target.exists() and not source.exists():
                target.rename(source)
                self._move(target, source)
                if replaced is not None:
                    target.write_bytes(replaced)
        for path in self._written:
            if path.exists():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def count(action: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the disk operations of ``action``, in order."""
    with monkeypatch.context() as patch:
        watch = FaultyDisk("before", at=-1)
        watch.install(patch)
        action()
    return watch.log


def run_faulty(
    action: Callable[[], object], faulty: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run ``action`` on the faulty disk; the process that it was is dead afterwards."""
    with monkeypatch.context() as patch:
        faulty.install(patch)
        try:
            action()
        except Crash:
            return
    assert not faulty.dead, "a crash was swallowed"
