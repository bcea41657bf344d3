from __future__ import annotations

import numpy as np
import pytest
import torch

from tilth.data import image_statistics
from tilth.data.image_statistics import channel_statistics
from tilth.data.resident_store import ResidentStore


@pytest.mark.parametrize("chunk", [2**26, 1000])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_against_numpy(monkeypatch: pytest.MonkeyPatch, chunk: int, dtype: torch.dtype):
    monkeypatch.setattr(image_statistics, "_CHUNK_BYTES", chunk)
    raw = (torch.rand(50, 3, 4, 6) * 255).to(dtype)
    rows = np.array([3, 5, 8, 13, 21, 34])
    mean, std, used = channel_statistics(ResidentStore(raw), rows)
    chosen = raw.numpy()[rows].astype(np.float64)
    assert mean == pytest.approx(chosen.mean(axis=(0, 2, 3)), rel=1e-12)
    assert std == pytest.approx(chosen.std(axis=(0, 2, 3)), rel=1e-9)
    assert used == 6


def test_a_constant_channel_has_deviation_one():
    raw = torch.full((4, 2, 3, 3), 77, dtype=torch.uint8)
    raw[:, 1, 0] = 5
    mean, std, _ = channel_statistics(ResidentStore(raw), np.arange(4))
    assert (mean[0], std[0]) == (77.0, 1.0)
    assert std[1] == pytest.approx(raw[:, 1].double().std(correction=0).item())


def test_stores_that_decode_are_sampled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_statistics, "SAMPLE_ROWS", 3)
    store = ResidentStore(torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1))
    assert channel_statistics(store, np.arange(5))[0] == (2.0,)
    store.resident = False
    mean, _, used = channel_statistics(store, np.array([0, 1, 2, 3, 4]))
    assert (mean, used) == ((2.0,), 3)  # rows 0, 2 and 4
