"""Files that change after they were looked through end a training with their name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.data.pictures import class_folders
from tilth.data.decoder import Decoder
from tilth.data.image_store import DecodedStore
from tilth.errors import UserError


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def swap(path: Path) -> None:
    Image.fromarray(np.full((9, 9, 3), 7, dtype=np.uint8)).save(path)


CHANGES = {
    "cut short": (cut, "cut short"),
    "gone": (Path.unlink, "cannot be opened"),
    "another picture": (swap, "has changed since the pictures were looked through"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_changed_is_named(tmp_path: Path, change: str, workers: int):
    root = class_folders(tmp_path, {"a": 4}, size=(8, 8))
    paths = sorted(root.rglob("*.png"))
    store = DecodedStore(paths, Decoder(8, 8, 3), workers=workers)
    assert store.take(torch.arange(4)).shape == (4, 3, 8, 8)
    spoil, told = CHANGES[change]
    spoil(paths[2])
    with pytest.raises(UserError, match=told) as caught:
        store.take(torch.arange(4))
    assert str(paths[2]) in str(caught.value)
    assert "Fix: " in str(caught.value)
    assert len(store.take(torch.tensor([0, 1, 3]))) == 3
    store.close()


def test_a_training_ends_with_the_file_and_a_failed_run(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "cache"))
    root = class_folders(tmp_path / "data", {"a": 20, "b": 20}, size=(8, 8))
    data = tl.images(root, resident=False)
    settings = {"epochs": 1, "lr": 0.01, "device": "cpu", "dtype": "float32"}
    run = tmp_path / "run"
    learner = tl.Learner(data, "mlp", run=run, quiet=True, channels_last=False, **settings)
    victim = root / data.item_id(int(data.splits["train"][5]))
    data.store._cache = None  # what is cached would still be had
    cut(victim)
    with pytest.raises(UserError, match=victim.name):
        learner.fit()
    assert victim.name in (run / "FAILED").read_text()
