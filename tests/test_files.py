"""Folders and files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import FaultyDisk, count, run_faulty
from tilth import aside, disk
from tilth.errors import UserError
from tilth.files import (
    commit_folder,
    json_bytes,
    read_manifest,
    replace_bytes,
    verify,
    write_bytes,
    write_json,
    write_text,
)

CRASHES = ("before", "torn", "after", "power")


def fill(text: str):
    """Return a writer of two files, one in a folder of its own."""

    def write(folder: Path) -> None:
        write_bytes(folder / "a.txt", text.encode())
        (folder / "inner").mkdir()
        write_bytes(folder / "inner" / "b.bin", bytes(range(200)))

    return write


def content(folder: Path) -> str | None:
    """Return what ``fill`` was given; None for no folder; fail for anything in between."""
    if not folder.exists():
        return None
    assert verify(folder) == []
    assert (folder / "inner" / "b.bin").read_bytes() == bytes(range(200))
    return (folder / "a.txt").read_text()


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_manifest_lists_size_and_sha256_of_every_file(tmp_path):
    commit_folder(tmp_path / "deep" / "er", fill("hello"))
    assert read_manifest(tmp_path / "deep" / "er") == {
        "a.txt": {"sha256": hashlib.sha256(b"hello").hexdigest(), "size": 5},
        "inner/b.bin": {"sha256": hashlib.sha256(bytes(range(200))).hexdigest(), "size": 200},
    }
    assert left_over(tmp_path / "deep") == []


def test_everything_is_synced_before_the_rename_and_the_parent_after(tmp_path, monkeypatch):
    log = []
    for name in ("write", "sync_file", "sync_folder", "rename"):
        true = getattr(disk, name)

        def spy(path, *rest, name=name, true=true):
            log.append((name, path.name))
            true(path, *rest)

        monkeypatch.setattr(disk, name, spy)
    commit_folder(tmp_path / "x", fill("hello"))
    rename = next(i for i, (name, _) in enumerate(log) if name == "rename")
    written = {file for name, file in log if name == "write"}
    assert written == {"a.txt", "b.bin", "manifest.json"}
    assert {file for name, file in log[:rename] if name == "sync_file"} == written
    assert {"inner", log[rename][1]} <= {f for name, f in log[:rename] if name == "sync_folder"}
    assert log[rename + 1 :] == [("sync_folder", tmp_path.name)]


@pytest.mark.parametrize("kind", CRASHES)
def test_crash_at_every_operation_leaves_all_or_nothing(tmp_path, monkeypatch, kind):
    total = len(count(lambda: commit_folder(tmp_path / "probe" / "x", fill("new")), monkeypatch))
    assert total >= 12
    for at in range(total):
        folder = tmp_path / str(at)
        run_faulty(
            lambda folder=folder: commit_folder(folder / "x", fill("new")),
            FaultyDisk(kind, at),
            monkeypatch,
        )
        assert content(folder / "x") in (None, "new")
        commit_folder(folder / "x", fill("again"), overwrite=True)
        assert content(folder / "x") == "again"
        assert left_over(folder) == []


@pytest.mark.parametrize("kind", CRASHES)
def test_crash_while_replacing_keeps_the_old_or_the_new(tmp_path, monkeypatch, kind):
    def replace(folder: Path):
        commit_folder(folder / "x", fill("old"))
        return lambda: commit_folder(folder / "x", fill("new"), overwrite=True)

    total = len(count(replace(tmp_path / "probe"), monkeypatch))
    seen = set()
    for at in range(total):
        folder = tmp_path / str(at)
        run_faulty(replace(folder), FaultyDisk(kind, at), monkeypatch)
        aside.recover(folder)
        seen.add(content(folder / "x"))
        assert left_over(folder) == []
    assert seen == {"old", "new"}


def test_error_at_every_operation_of_a_commit_leaves_no_trace(tmp_path, monkeypatch):
    total = len(count(lambda: commit_folder(tmp_path / "probe" / "x", fill("new")), monkeypatch))
    for at in range(total):
        folder = tmp_path / str(at)
        folder.mkdir()
        faulty = FaultyDisk("error", at, OSError(errno.ENOSPC, "No space left on device"))

        def commit(folder=folder):
            commit_folder(folder / "x", fill("new"))

        try:
            run_faulty(commit, faulty, monkeypatch)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        assert content(folder / "x") in (None, "new")
        assert left_over(folder) == []


def test_error_at_every_operation_of_a_replacement_keeps_one_of_the_two(tmp_path, monkeypatch):
    def replace(folder: Path):
        commit_folder(folder / "x", fill("old"))
        return lambda: commit_folder(folder / "x", fill("new"), overwrite=True)

    for at in range(len(count(replace(tmp_path / "probe"), monkeypatch))):
        folder = tmp_path / str(at)
        action = replace(folder)
        with contextlib.suppress(OSError):
            run_faulty(action, FaultyDisk("error", at, OSError(errno.EIO, "broken")), monkeypatch)
        assert content(folder / "x") in ("old", "new")


@pytest.mark.parametrize("kind", CRASHES)
def test_single_file_is_old_or_new_at_every_crash(tmp_path, monkeypatch, kind):
    path = tmp_path / "a.json"
    old, new = b"old" * 1000, b"new!" * 1000
    replace_bytes(path, old)
    total = len(count(lambda: replace_bytes(path, old), monkeypatch))
    assert total == 4  # write, sync, rename, sync of the folder
    for at in range(total):
        replace_bytes(path, old)
        run_faulty(lambda: replace_bytes(path, new), FaultyDisk(kind, at), monkeypatch)
        assert path.read_bytes() in (old, new)
    replace_bytes(path, new)
    assert left_over(tmp_path) == []


def test_failed_single_write_keeps_the_old_and_leaves_no_trace(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    for at in range(3):
        faulty = FaultyDisk("error", at, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="No space"):
            run_faulty(lambda: write_text(path, "new"), faulty, monkeypatch)
        assert path.read_text() == "old"
        assert left_over(tmp_path) == []


def test_existing_is_refused_before_anything_is_written(tmp_path):
    final = tmp_path / "model"
    commit_folder(final, fill("first"))
    with pytest.raises(UserError, match=r"already exists.*nothing is overwritten unasked.*--force"):
        commit_folder(final, lambda folder: pytest.fail("the writer was called"))
    assert content(final) == "first"
    commit_folder(final, fill("second"), overwrite=True)
    assert content(final) == "second"


def test_empty_folder_and_a_file_in_the_way(tmp_path):
    (tmp_path / "empty").mkdir()
    commit_folder(tmp_path / "empty", fill("x"))
    assert content(tmp_path / "empty") == "x"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        commit_folder(tmp_path / "file", fill("x"))
    assert (tmp_path / "file").read_text() == "mine"


def test_error_of_the_writer_itself_leaves_nothing(tmp_path):
    def broken(folder: Path) -> None:
        write_bytes(folder / "a", b"half")
        raise KeyError("bug")

    with pytest.raises(KeyError):
        commit_folder(tmp_path / "x", broken)
    assert list(tmp_path.iterdir()) == []


def test_only_leftovers_of_dead_writers_are_cleaned(tmp_path):
    dead, alive = dead_pid(), os.getppid()
    for name in (f".x.tmp-{dead}-0", f".x.tmp-{os.getpid()}-99999999", f".x.tmp-{alive}-0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text("half")
    (tmp_path / f".y.tmp-{dead}-0").write_text("another name")
    (tmp_path / ".x.tmp-notes").write_text("a user's file")
    commit_folder(tmp_path / "x", fill("new"))
    assert sorted(left_over(tmp_path)) == sorted(
        [".x.tmp-notes", f".x.tmp-{alive}-0", f".y.tmp-{dead}-0"]
    )
    aside.clean_up(tmp_path)
    assert sorted(left_over(tmp_path)) == sorted([".x.tmp-notes", f".x.tmp-{alive}-0"])


def test_what_is_being_written_is_not_cleaned_by_a_commit_inside(tmp_path):
    def write(folder: Path) -> None:
        write_bytes(folder / "a.txt", b"outer")
        aside.recover(tmp_path)
        commit_folder(tmp_path / "other", fill("inner"))

    commit_folder(tmp_path / "x", write)
    assert (tmp_path / "x" / "a.txt").read_bytes() == b"outer"
    assert verify(tmp_path / "x") == verify(tmp_path / "other") == []


def test_process_of_another_user_counts_as_running(monkeypatch):
    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert disk.is_running(1)


def test_without_process_lookup_age_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "WINDOWS", True)
    young, old = tmp_path / ".x.tmp-1-0", tmp_path / ".x.tmp-1-1"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    aside.clean_up(tmp_path)
    assert left_over(tmp_path) == [young.name]
    commit_folder(tmp_path / "x", fill("no folder is synced on Windows"))
    assert verify(tmp_path / "x") == []


def test_folder_that_cannot_be_synced_is_no_error_but_a_full_disk_is(tmp_path, monkeypatch):
    def fsync_fails_with(number):
        def fsync(handle):
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", fsync_fails_with(errno.EINVAL))
    disk.sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync_fails_with(errno.EIO))
    with pytest.raises(OSError, match="error"):
        disk.sync_folder(tmp_path)


def test_a_flipped_bit_in_any_byte_and_every_truncation_is_seen(tmp_path):
    folder = tmp_path / "x"
    commit_folder(folder, lambda aside: write_bytes(aside / "a.txt", b"some text"))
    for path in sorted(folder.iterdir()):
        sound = path.read_bytes()
        for place in range(len(sound)):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << place % 8
            for damaged in (bytes(flipped), sound[:place]):
                path.write_bytes(damaged)
                assert [problem.split(":")[0] for problem in verify(folder)] == [path.name], place
        path.write_bytes(sound)
    assert verify(folder) == []


def test_missing_and_truncated_files_are_named(tmp_path):
    folder = tmp_path / "x"
    commit_folder(folder, fill("hello"))
    (folder / "inner" / "b.bin").write_bytes(b"")
    (folder / "a.txt").unlink()
    assert verify(folder) == [
        "a.txt: No such file or directory",
        "inner/b.bin: 0 bytes where 200 were written",
    ]
    (folder / "manifest.json").unlink()
    assert [problem.split(":")[0] for problem in verify(folder)] == ["manifest.json"]
    assert verify(tmp_path / "nowhere")[0].startswith("manifest.json: ")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "..\\b", "C:\\b"])
def test_manifest_that_points_outside_is_refused(tmp_path, name):
    listed = {name: {"sha256": "0" * 64, "size": 1}}
    signed = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps({"files": listed, "sha256": signed}))
    with pytest.raises(ValueError, match="outside the folder"):
        read_manifest(tmp_path)
    assert "outside the folder" in verify(tmp_path)[0]


def test_manifest_without_sizes_is_refused(tmp_path):
    for listed in ({"a": {}}, {"a": 3}):
        signed = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
        (tmp_path / "manifest.json").write_text(json.dumps({"files": listed, "sha256": signed}))
        assert "without its SHA-256 and size" in verify(tmp_path)[0]


def test_json_is_standard_json(tmp_path):
    write_json(tmp_path / "a.json", {"ratio": 0.1, "name": "caf\u00e9"})
    assert json.loads((tmp_path / "a.json").read_text()) == {"ratio": 0.1, "name": "caf\u00e9"}
    with pytest.raises(ValueError, match="JSON compliant"):
        json_bytes(float("nan"))


def test_unicode_and_spaces_in_names(tmp_path):
    folder = tmp_path / "mod\u00e8le final"
    commit_folder(folder, lambda aside: write_bytes(aside / "\u00e9t\u00e9 1.txt", b"x"))
    assert verify(folder) == []
    assert list(read_manifest(folder)) == ["\u00e9t\u00e9 1.txt"]
