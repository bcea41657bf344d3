import errno
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tilth.data import image_store, pixel_cache
from tilth.data.decoder import Decoder
from tilth.data.image_store import DecodedStore
from tilth.errors import UserError

DECODER = Decoder(12, 10, 3)


@pytest.fixture
def files(tmp_path) -> list[Path]:
    generator = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    paths = []
    for row in range(24):
        size = (20 + row, 30)
        values = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        paths.append(tmp_path / "pictures" / f"{row} \u00e9.png")
        Image.fromarray(values).save(paths[-1])
    return paths


@pytest.fixture
def expected(files) -> torch.Tensor:
    return torch.stack([DECODER(path) for path in files])


def batches(epochs: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    orders = [torch.randperm(24, generator=generator) for _ in range(epochs)]
    return [rows for order in orders for rows in order.split(5)]


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_decoded_files_whatever_the_workers(
    files, expected, tmp_path, workers, cached
):
    cache = tmp_path / "cache" if cached else None
    store = DecodedStore(files, DECODER, cache_folder=cache, workers=workers)
    rows = batches()
    for now, soon in zip(rows, [*rows[1:], rows[0]], strict=True):
        store.prefetch(soon)
        taken = store.take(now)
        assert taken.dtype == torch.uint8
        assert torch.equal(taken, expected[now])
    store.close()
    assert len(store) == 24 and not store.resident
    assert store.to(torch.device("cpu")) is store


def test_each_file_is_decoded_once(files, expected, tmp_path, monkeypatch):
    decoded = []

    def counted(self, source):
        decoded.append(source)
        return expected[files.index(source)]

    monkeypatch.setattr(Decoder, "__call__", counted)
    first = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache")
    for rows in batches():
        assert torch.equal(first.take(rows), expected[rows])
    assert sorted(decoded) == sorted(files)
    first.close()
    second = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache")
    assert torch.equal(second.take(torch.arange(24)), expected)
    assert len(decoded) == 24
    assert second.note.endswith("(24 are there)")


@pytest.mark.parametrize("workers", [0, 2])
def test_some_of_the_rows_are_not_decoded_again(files, expected, tmp_path, monkeypatch, workers):
    store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=workers)
    store.take(torch.arange(0, 24, 2))
    decoded = []

    def counted(self, source):
        decoded.append(files.index(source))
        return expected[decoded[-1]]

    monkeypatch.setattr(Decoder, "__call__", counted)
    some = store.chosen([4, 2, 7]).chosen([2, 0])
    assert some.paths == [files[7], files[4]] and len(some) == 2
    assert torch.equal(some.take(torch.tensor([1, 0])), expected[[4, 7]])
    assert decoded == [7]
    again = pickle.loads(pickle.dumps(some))
    assert torch.equal(again.take(torch.tensor([0])), expected[[7]])
    some.close()
    assert len(list((tmp_path / "cache").glob("*.pixels"))) == 1


def test_a_whole_cache_is_committed_without_waiting_for_the_end(files, tmp_path):
    store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    for rows in batches(1):
        store.take(rows)
    other = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    assert other.note.endswith("(24 are there)")


def test_a_part_is_committed_now_and_then(files, tmp_path, monkeypatch):
    monkeypatch.setattr(image_store, "_COMMIT_SECONDS", 0.0)
    store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    store.take(torch.arange(5))
    other = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    assert other.note.endswith("(5 are there)")


def test_the_end_of_the_process_commits(files, tmp_path):
    code = (
        "import sys, torch; from pathlib import Path; from tilth.data.decoder import Decoder; "
        "from tilth.data.image_store import DecodedStore; "
        "store = DecodedStore(sys.argv[2:], Decoder(12, 10, 3), cache_folder=Path(sys.argv[1]));"
        "store.prefetch(torch.arange(3)); store.take(torch.arange(7))"
    )
    cache = tmp_path / "cache"
    subprocess.run([sys.executable, "-c", code, str(cache), *map(str, files)], check=True)
    store = DecodedStore(files, DECODER, cache_folder=cache, workers=0)
    assert store.note.endswith("(7 are there)")


def test_a_changed_file_is_decoded_again(files, expected, tmp_path):
    first = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    first.take(torch.arange(24))
    first.close()
    Image.new("RGB", (10, 12), "red").save(files[3])
    second = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    assert second.take(torch.tensor([3]))[0, :, 0, 0].tolist() == [255, 0, 0]
    assert torch.equal(second.take(torch.tensor([4])), expected[4:5])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_file_is_named(files, expected, workers):
    files[5].write_bytes(files[5].read_bytes()[:200])
    store = DecodedStore(files, DECODER, workers=workers)
    store.prefetch(torch.tensor([4, 5]))
    with pytest.raises(UserError, match=r"5 \u00e9.png: damaged or cut short.*remove or replace"):
        store.take(torch.tensor([4, 5]))
    assert torch.equal(store.take(torch.tensor([4, 6])), expected[[4, 6]])


def test_without_room_it_goes_on_without_a_cache_and_says_so(
    files, expected, tmp_path, monkeypatch
):
    monkeypatch.setattr(pixel_cache, "RESERVE_BYTES", 2**62)
    with pytest.warns(RuntimeWarning, match=r"not cached \(0 MiB are needed, .* MiB free\)"):
        store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache")
    assert "not cached" in store.note
    for rows in batches():
        assert torch.equal(store.take(rows), expected[rows])
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_folder_that_cannot_be_made_is_said(files, expected, tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.warns(RuntimeWarning, match="not cached"):
        store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache" / "deeper")
    assert torch.equal(store.take(torch.arange(24)), expected)


def test_a_disk_that_fills_up_stops_the_cache_and_nothing_else(
    files, expected, tmp_path, monkeypatch
):
    store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=0)
    store.take(torch.arange(4))
    true_open = Path.open

    def full(self, *arguments, **options):
        if self.suffix == ".pixels":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true_open(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.warns(RuntimeWarning, match="everything else goes on"):
        taken = store.take(torch.arange(24))
    assert torch.equal(taken, expected)
    for rows in batches():
        assert torch.equal(store.take(rows), expected[rows])


def test_it_can_be_sent_to_another_process(files, expected, tmp_path):
    store = DecodedStore(files, DECODER, cache_folder=tmp_path / "cache", workers=1)
    store.take(torch.arange(24))
    store.close()
    again = pickle.loads(pickle.dumps(store))
    assert again.workers == 1 and again.note.endswith("(24 are there)")
    assert torch.equal(again.take(torch.tensor([23, 0])), expected[[23, 0]])


def test_what_is_announced_and_never_taken_does_not_pile_up(files, expected, monkeypatch):
    gate = threading.Event()
    true_call = Decoder.__call__

    def slow(self, source):
        gate.wait(10)
        return true_call(self, source)

    monkeypatch.setattr(Decoder, "__call__", slow)
    store = DecodedStore(files, DECODER, workers=1)
    for row in range(24):
        store.prefetch(torch.tensor([row]))
    assert len(store._coming) == image_store._AHEAD
    gate.set()
    assert torch.equal(store.take(torch.tensor([0])), expected[:1])  # dropped, decoded anew
    assert torch.equal(store.take(torch.tensor([23])), expected[23:])


def test_threads_end_with_the_store(files):
    before = threading.active_count()
    store = DecodedStore(files, DECODER, workers=2)
    store.take(torch.arange(24))
    assert threading.active_count() > before
    del store
    assert threading.active_count() == before


def test_a_number_of_workers_that_makes_no_sense_is_refused(files):
    with pytest.raises(UserError, match=r"workers=-1. workers is 0 or more threads"):
        DecodedStore(files, DECODER, workers=-1)
