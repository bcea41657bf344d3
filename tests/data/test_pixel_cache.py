import errno
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.faults import Crash, FaultyDisk
from tilth import disk
from tilth.data import pixel_cache
from tilth.data.decoder import Decoder
from tilth.data.pixel_cache import PixelCache, cache_key

SHAPE = (3, 4, 5)


def pixels(slot: int) -> np.ndarray:
    return np.random.default_rng(slot).integers(0, 256, SHAPE, dtype=np.uint8)


def opened(folder: Path, slots: int = 10) -> PixelCache:
    return PixelCache(folder, "key", slots=slots, shape=SHAPE)


def assert_holds(cache: PixelCache, slots: list[int]) -> None:
    assert np.flatnonzero(cache.filled).tolist() == sorted(slots)
    expected = np.stack([pixels(slot) for slot in slots])
    assert np.array_equal(cache.read(np.array(slots)), expected)


def test_what_was_written_is_read(tmp_path):
    cache = opened(tmp_path / "new" / "folder")
    for slot in (7, 0, 9):
        cache.write(slot, pixels(slot))
    assert_holds(cache, [9, 0, 7])


def test_another_process_trusts_only_what_was_committed(tmp_path):
    first = opened(tmp_path)
    first.write(2, pixels(2))
    first.write(3, pixels(3))
    assert not opened(tmp_path).filled.any()
    first.commit()
    first.write(4, pixels(4))
    second = opened(tmp_path)
    assert_holds(second, [2, 3])
    second.write(5, pixels(5))
    second.commit()
    first.commit()
    assert_holds(opened(tmp_path), [2, 3, 4, 5])
    assert_holds(first, [2, 3, 4, 5])


def test_two_that_begin_at_once_do_not_disturb_each_other(tmp_path):
    first = opened(tmp_path)
    first.write(1, pixels(1))
    second = opened(tmp_path)  # finds a file that nobody vouches for
    second.write(6, pixels(6))
    assert_holds(first, [1])
    first.commit()
    second.commit()
    assert_holds(opened(tmp_path), [1, 6])


def test_the_pixels_are_synced_before_the_list_names_them(tmp_path, monkeypatch):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    faulty = FaultyDisk("before", at=10**6)
    faulty.install(monkeypatch)
    synced = []
    sync = disk.sync_file
    monkeypatch.setattr(disk, "sync_file", lambda path: (synced.append(path.name), sync(path)))
    cache.commit()
    assert synced[0] == "key.pixels"
    assert faulty.log.index("sync_file") < faulty.log.index("rename")


@pytest.mark.parametrize("kind", ["before", "after", "torn", "power"])
def test_a_crash_while_committing_never_makes_false_promises(tmp_path, monkeypatch, kind):
    at = 0
    while True:
        folder = tmp_path / f"{kind}-{at}"
        cache = opened(folder)
        cache.write(0, pixels(0))
        cache.commit()
        cache.write(1, pixels(1))
        with monkeypatch.context() as patch:
            faulty = FaultyDisk(kind, at)
            faulty.install(patch)
            try:
                cache.commit()
            except Crash:
                pass
            else:
                break
        again = opened(folder)
        assert_holds(again, np.flatnonzero(again.filled).tolist() or [0])
        assert again.filled[0]
        at += 1
    assert at >= 3


def test_a_full_disk_is_said_once_and_reading_goes_on(tmp_path, monkeypatch):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    true_open = Path.open

    def full(self, *arguments, **options):
        if self.suffix == ".pixels":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true_open(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.warns(RuntimeWarning, match=r"no longer cached in .* \(No space left on device\)"):
        cache.write(1, pixels(1))
    cache.write(2, pixels(2))
    cache.commit()
    assert_holds(cache, [0])


def test_no_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=pixel_cache.RESERVE_BYTES + 599)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"0 MiB are needed, 1,024 MiB free"):
        opened(tmp_path)  # 10 slots of 60 bytes
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=usage.free + 1))
    opened(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"slots": 10}',
        b'{"slots": 11, "filled": "ffff"}',
        b'{"slots": 10, "filled": "ff"}',
        b'{"slots": 10, "filled": "no hex"}',
        b'{"slots": 10, "filled": 3}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_list_is_not_trusted(tmp_path, content):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    cache.commit()
    (tmp_path / "key.json").write_bytes(content)
    assert not opened(tmp_path).filled.any()


def test_pixels_that_were_cut_short_are_not_trusted(tmp_path):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    cache.commit()
    with (tmp_path / "key.pixels").open("r+b") as file:
        file.truncate(100)
    again = opened(tmp_path)
    assert not again.filled.any()
    again.write(9, pixels(9))
    assert_holds(again, [9])


def test_pixels_without_a_file_are_not_trusted(tmp_path):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    cache.commit()
    (tmp_path / "key.pixels").unlink()
    assert not opened(tmp_path).filled.any()


def test_a_cache_that_may_only_be_read_is_used(tmp_path, monkeypatch):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    cache.commit()

    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "read only")

    monkeypatch.setattr(Path, "touch", refuse)
    assert_holds(opened(tmp_path), [0])


def test_what_nobody_opened_for_a_month_is_deleted(tmp_path):
    for key in ("old", "used"):
        cache = PixelCache(tmp_path, key, slots=1, shape=SHAPE)
        cache.write(0, pixels(0))
        cache.commit()
    long_ago = time.time() - 31 * 86400
    for name in ("old.pixels", "old.json", "used.pixels"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    opened(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["key.pixels", "used.json", "used.pixels"]


def test_the_list_is_small_and_plain(tmp_path):
    cache = opened(tmp_path)
    cache.write(0, pixels(0))
    cache.write(9, pixels(9))
    cache.commit()
    assert json.loads((tmp_path / "key.json").read_text()) == {"slots": 10, "filled": "8040"}


def test_the_key_changes_with_whatever_changes_the_pixels(tmp_path):
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(b"1234")
        os.utime(file, ns=(10**18, 10**18))
    decoder = Decoder(8, 8, 3)
    base = cache_key(files, decoder)
    assert cache_key(files, Decoder(8, 8, 3)) == base
    others = {
        cache_key(files[::-1], decoder),
        cache_key(files[:1], decoder),
        cache_key(files, Decoder(8, 8, 1)),
        cache_key(files, Decoder(8, 8, 3, fit="crop")),
    }
    os.utime(files[0], ns=(10**18, 10**18 + 1))
    others.add(cache_key(files, decoder))
    files[0].write_bytes(b"12345")
    os.utime(files[0], ns=(10**18, 10**18))
    others.add(cache_key(files, decoder))
    assert len(others | {base}) == 7
