from typing import NamedTuple

import pytest
import torch

from tilth.data import resident_store
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError


class Pair(NamedTuple):
    numbers: torch.Tensor
    categories: torch.Tensor


def test_take_gathers_every_tensor_of_the_tree():
    raw = Pair(torch.randn(7, 3), torch.arange(14).reshape(7, 2))
    store = ResidentStore(raw)
    batch = store.take(torch.tensor([6, 1, 1]))
    assert isinstance(batch, Pair)
    for leaf, whole in zip(batch, raw, strict=True):
        assert torch.equal(leaf, torch.stack([whole[6], whole[1], whole[1]]))
    batch.numbers.zero_()  # a copy: the store is not touched
    assert raw.numbers[6].abs().sum() > 0
    assert len(store) == 7 and store.resident
    assert store.to(torch.device("cpu")) is store


def test_to_moves_every_tensor():
    moved = ResidentStore([torch.zeros(2, 1)]).to(torch.device("meta"))
    assert moved.raw[0].device.type == "meta"


def test_tensors_of_different_lengths_are_refused():
    with pytest.raises(UserError, match=r"\[2, 3\] rows"):
        ResidentStore((torch.zeros(2), torch.zeros(3)))


def test_every_look_gets_the_same_copy_on_a_device():
    store, device = ResidentStore([torch.zeros(2, 1)]), torch.device("meta")
    assert store.to(device) is store.to(torch.device("meta"))


@pytest.mark.parametrize("free, moves", [(2 * 4000, True), (2 * 4000 - 1, False), (None, True)])
def test_a_store_that_would_fill_a_device_stays_where_it_is(monkeypatch, free, moves):
    monkeypatch.setattr(resident_store, "free_device_bytes", lambda device: free)
    store = ResidentStore([torch.zeros(1000)])
    assert (store.to(torch.device("meta")) is store) == (not moves)
    monkeypatch.setattr(resident_store, "free_device_bytes", lambda device: None)
    assert (store.to(torch.device("meta")) is store) == (not moves)  # it is decided once
