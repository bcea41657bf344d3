"""Two data sets side by side: each in an order of its own, a small one again and again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tilth.contracts import Context
from tilth.data.paired import Domain, Endless, PairedSource
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError
from tilth.tree import cut


def context(rank=0, world=1):
    return Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"), rank, world)


def with_epoch(raw, keys, epoch):
    """Return what is needed to see which row came in which epoch."""
    assert torch.equal(raw, keys * 10)
    return torch.stack([keys, torch.full_like(keys, epoch)], dim=1)


def domain(rows, length=40, targets=None):
    return Domain(ResidentStore(torch.arange(length) * 10), np.asarray(rows), with_epoch, targets)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3))
def test_an_endless_order_gives_every_row_once_an_epoch(count, size, seed):
    order = Endless(np.arange(count) + 5, seed=seed)
    steps = -(-3 * count // size)
    pieces = [piece for s in range(steps) for piece in order.between(s * size, (s + 1) * size)]
    for epoch in range(3):
        seen = torch.cat([rows for rows, e in pieces if e == epoch]).tolist()
        assert sorted(seen) == list(range(5, 5 + count))


def test_epochs_have_orders_of_their_own():
    order = Endless(np.arange(50), seed=0)
    first, second = order.between(0, 100)
    assert not torch.equal(first[0], second[0])
    assert torch.equal(order.between(10, 20)[0][0], first[0][10:20])


def test_each_side_is_its_own_order_with_labels_of_the_source_alone():
    labels = torch.arange(40) % 7
    source = PairedSource(domain(range(30), targets=labels), domain([31, 33, 35]), 8, seed=2)
    visits = torch.zeros(40, dtype=torch.int64)
    for step in range(15):
        batch = source.next(None, context())
        keys = batch.inputs.source[:, 0]
        assert torch.equal(batch.rows, keys)
        assert torch.equal(batch.targets, labels[keys])
        assert source.rows_of(step) == keys.tolist()
        visits.index_add_(0, keys, torch.ones_like(keys))
        repeated = batch.inputs.target
        assert len(repeated) == 8 and set(repeated[:, 0].tolist()) == {31, 33, 35}
        # the place in the endless order tells the epoch: three rows a round
        assert repeated[:, 1].tolist() == [(step * 8 + i) // 3 for i in range(8)]
    assert visits[:30].tolist() == [4] * 30  # 15 * 8 = 4 * 30


def test_the_two_orders_differ():
    source = PairedSource(domain(range(40)), domain(range(40)), 40)
    inputs = source.next(None, context()).inputs
    assert not torch.equal(inputs.source, inputs.target)


def test_without_labels_targets_are_empty_rows():
    batch = PairedSource(domain(range(9)), domain(range(4)), 6).next(None, context())
    assert batch.targets.shape == (6, 0)


def test_a_batch_is_cut_on_both_sides_alike():
    batch = PairedSource(domain(range(9)), domain(range(4)), 7).next(None, context())
    parts = cut(batch, 3)
    assert [len(part.inputs.source) for part in parts] == [2, 2, 3]
    assert torch.equal(torch.cat([part.inputs.target for part in parts]), batch.inputs.target)
    assert torch.equal(torch.cat([part.rows for part in parts]), batch.rows)


def test_ranks_share_the_batch_of_one():
    alone = PairedSource(domain(range(9)), domain(range(4)), 7)
    ranks = [PairedSource(domain(range(9)), domain(range(4)), 7) for _ in range(2)]
    for _ in range(3):
        whole = alone.next(None, context()).inputs
        parts = [s.next(None, context(rank, 2)).inputs for rank, s in enumerate(ranks)]
        for side in range(2):
            assert torch.equal(torch.cat([part[side] for part in parts]), whole[side])


def test_goes_on_where_it_was_left():
    whole, first, again = (PairedSource(domain(range(9)), domain(range(4)), 7) for _ in range(3))
    for _ in range(3):
        whole.next(None, context()), first.next(None, context())
    again.load_state_dict(first.state_dict())
    wanted, found = whole.next(None, context()), again.next(None, context())
    assert torch.equal(wanted.inputs.source, found.inputs.source)
    assert torch.equal(wanted.inputs.target, found.inputs.target)


def test_an_epoch_is_a_pass_over_the_larger_side():
    assert PairedSource(domain(range(9)), domain(range(33)), 8).steps_per_epoch == 5


class Read:
    """A store that is read batch by batch and remembers what was announced."""

    resident = False

    def __init__(self):
        self.announced, self.taken = [], []

    def __len__(self):
        return 10

    def take(self, rows, epoch=0):
        self.taken.append((rows.tolist(), epoch))
        return rows * 10

    def prefetch(self, rows, epoch=0):
        self.announced.append((rows.tolist(), epoch))

    def keyed(self, seed):
        return self

    def to(self, device):
        return self


def test_what_is_not_in_memory_is_asked_for_one_batch_ahead():
    slow = Domain(Read(), np.arange(4), with_epoch)
    source = PairedSource(domain(range(9)), slow, 3)
    found = [source.next(None, context()).inputs.target[:, 0].tolist() for _ in range(4)]
    assert sorted(found[0] + found[1][:1]) == [0, 1, 2, 3]
    assert slow.store.announced[: len(slow.store.taken) - 1] == slow.store.taken[1:]
    assert [epoch for _, epoch in slow.store.taken] == [0, 0, 1, 1, 2, 2]


def test_empty_sides_and_batches_are_refused():
    with pytest.raises(UserError, match="at least one row"):
        PairedSource(domain(range(9)), domain([]), 3)
    with pytest.raises(UserError, match="batch_size=0"):
        PairedSource(domain(range(9)), domain([1]), 0)


def test_targets_follow_the_epoch_and_the_rows_of_their_inputs():
    def follow(raw, keys, epoch):
        return torch.stack([raw, keys, torch.full_like(keys, epoch)], dim=1)

    first = Domain(
        ResidentStore(torch.arange(7) * 10), np.arange(7), with_epoch, torch.arange(7) + 100, follow
    )
    source = PairedSource(first, domain(range(4)), 5)
    for _ in range(3):
        batch = source.next(None, context())
        assert torch.equal(batch.targets[:, 1:], batch.inputs.source)
        assert torch.equal(batch.targets[:, 0], batch.rows + 100)
