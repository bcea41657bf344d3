from __future__ import annotations

import numpy as np
import pytest
import torch

from tilth.data import image_statistics
from tilth.data.image_statistics import channel_statistics
from tilth.data.readable_rows import unreadable_rows
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError


@pytest.mark.parametrize("chunk", [2**26, 1000])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_against_numpy(monkeypatch: pytest.MonkeyPatch, chunk: int, dtype: torch.dtype):
    monkeypatch.setattr(image_statistics, "_CHUNK_BYTES", chunk)
    raw = (torch.rand(50, 3, 4, 6) * 255).to(dtype)
    rows = np.array([3, 5, 8, 13, 21, 34])
    found = channel_statistics(ResidentStore(raw), rows)
    chosen = raw.numpy()[rows].astype(np.float64)
    assert found.mean == pytest.approx(chosen.mean(axis=(0, 2, 3)), rel=1e-12)
    assert found.std == pytest.approx(chosen.std(axis=(0, 2, 3)), rel=1e-9)
    assert found.rows == 6


def test_a_constant_channel_has_deviation_one():
    raw = torch.full((4, 2, 3, 3), 77, dtype=torch.uint8)
    raw[:, 1, 0] = 5
    found = channel_statistics(ResidentStore(raw), np.arange(4))
    assert (found.mean[0], found.std[0]) == (77.0, 1.0)
    assert found.std[1] == pytest.approx(raw[:, 1].double().std(correction=0).item())


def test_stores_that_decode_are_sampled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_statistics, "SAMPLE_ROWS", 3)
    store = ResidentStore(torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1))
    assert channel_statistics(store, np.arange(5)).mean == (2.0,)
    store.resident = False
    found = channel_statistics(store, np.arange(5))
    assert (found.mean, found.rows) == ((2.0,), 3)  # rows 0, 2 and 4


class Damaged(ResidentStore):
    """A store some of whose rows cannot be decoded."""

    resident = False

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        for row in rows.tolist():
            if row % 3 == 0:
                raise UserError(f"folder: with colon/{row}.png: cut short")
        return super().take(rows)


def test_rows_that_cannot_be_decoded_are_left_out_and_named():
    raw = torch.arange(7, dtype=torch.uint8).reshape(7, 1, 1, 1)
    found = channel_statistics(Damaged(raw), np.arange(7))
    assert found.unreadable == dict.fromkeys([0, 3, 6], "cut short")
    assert found.mean == (3.0,)  # of 1, 2, 4 and 5
    assert unreadable_rows(Damaged(raw), np.array([1, 3, 4])) == {3: "cut short"}
    with pytest.raises(UserError, match="no training picture can be decoded: cut short"):
        channel_statistics(Damaged(raw), np.array([0, 3]))
