"""Philox against its authors' known answers; draws that depend on nothing but their arguments."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tilth.randomness import fold, normal, permutation, philox, uniform

KNOWN = [  # Random123 1.14, kat_vectors, philox4x32 10
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_authors_known_answers(counter, key, words):
    found = philox([torch.tensor([word]) for word in counter], key)
    assert tuple(int(word) for word in found) == words


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20, unique=True), st.integers(0, 9))
def test_a_rows_draw_does_not_depend_on_its_batch_mates(rows, epoch):
    together = uniform(torch.tensor(rows), 5, seed=3, stream="x", epoch=epoch)
    alone = [uniform(torch.tensor([row]), 5, seed=3, stream="x", epoch=epoch) for row in rows]
    assert torch.equal(together, torch.cat(alone))


def test_draws_are_uniform_and_streams_epochs_and_seeds_differ():
    rows = torch.arange(20_000)
    draws = uniform(rows, 3, seed=0, stream="a")
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        assert stats.kstest(column.numpy(), "uniform").pvalue > 1e-3
    others = [
        uniform(rows, 3, seed=1, stream="a"),
        uniform(rows, 3, seed=0, stream="b"),
        uniform(rows, 3, seed=0, stream="a", epoch=1),
    ]
    for other in others:
        assert abs(np.corrcoef(draws[:, 0], other[:, 0])[0, 1]) < 0.03


def test_normal_numbers_are_normal_and_depend_on_their_arguments():
    rows = torch.arange(4_000)
    draws = normal(rows, 5, seed=0, stream="a")
    for column in draws.T:
        assert stats.kstest(column.numpy(), "norm").pvalue > 1e-3
    correlations = np.corrcoef(draws.T.numpy()) - np.eye(5)
    assert np.abs(correlations).max() < 0.06
    assert torch.equal(normal(rows[7:9], 5, seed=0, stream="a"), draws[7:9])
    assert not torch.equal(normal(rows, 5, seed=0, stream="a", epoch=1), draws)


def test_permutation_is_one_and_leaves_the_global_stream_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    order = permutation(1000, seed=5, epoch=2)
    assert torch.equal(torch.rand(1), expected)
    assert sorted(order.tolist()) == list(range(1000))
    assert not torch.equal(order, permutation(1000, seed=5, epoch=3))
    assert not torch.equal(order, permutation(1000, seed=6, epoch=2))


def test_fold_tells_purposes_apart():
    found = {fold(0, "a", 1), fold(0, "a", 2), fold(0, "b", 1), fold(1, "a", 1), fold(0, "a1")}
    assert len(found) == 5
    assert all(0 <= value < 2**63 for value in found)
