"""Rows of unit length, against NumPy and the distances of all pairs."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tilth.data import near_rows
from tilth.data.near_rows import near_pairs, products, projection, unit


@given(st.integers(0, 2**31), st.integers(2, 120), st.sampled_from([0.05, 0.3, 1.0]))
def test_no_pair_is_missed_and_none_is_too_far(seed: int, rows: int, radius: float):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(rows, 64, generator=generator)
    vectors[:, 4:] *= 0.1  # some directions matter more, as in pictures
    vectors /= vectors.norm(dim=1, keepdim=True)
    found, complete = near_pairs(vectors, radius)
    distance = torch.cdist(vectors.double(), vectors.double()).numpy()
    assert complete
    clear = np.abs(distance - radius) > 1e-5  # rounding decides at the edge
    expected = np.argwhere(np.triu((distance < radius) & clear, 1)).tolist()
    assert [pair for pair in found.tolist() if clear[tuple(pair)]] == expected


def test_too_many_pairs_are_searched_in_part_and_said():
    vectors = torch.ones(400, 64) / 8
    pairs, complete = near_pairs(vectors, 0.1, most=1000)
    assert not complete
    assert 0 < len(pairs) <= 2000
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_products_of_units_are_correlations(monkeypatch):
    rows = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (12, 20)).astype("f4"))
    pairs = np.argwhere(np.ones((12, 12), dtype=bool))
    one = unit(rows, 255.0)
    whole = products(one, one, pairs)
    np.testing.assert_allclose(whole, np.corrcoef(rows.numpy()).ravel(), atol=1e-5)
    monkeypatch.setattr(near_rows, "_PIECE", 5)
    assert (products(one, one, pairs) == whole).all()
    assert products(one, one, pairs[:0]).shape == (0,)


def test_a_row_that_hardly_varies_is_zero_by_the_range_of_its_values():
    rows = torch.tensor([[0.0, 3.0] * 8, [0.0, 5.0] * 8])
    assert unit(rows, 255.0).any(1).tolist() == [False, True]
    assert unit(rows, 1.0).any(1).tolist() == [True, True]


def test_projection_makes_no_distance_longer_and_keeps_what_varies_most():
    stream = np.random.default_rng(1)
    spread = np.r_[np.full(8, 5.0), np.full(12, 0.1)]
    rows = torch.from_numpy((stream.normal(size=(300, 20)) * spread).astype("f4"))
    other = torch.from_numpy(stream.normal(size=(40, 20)).astype("f4"))
    project = projection(rows)
    near = np.linalg.norm(project(rows)[:, None] - project(other)[None], axis=2)
    far = torch.cdist(rows.double(), other.double()).numpy()
    assert (near <= far + 1e-6).all() and project(rows).shape == (300, 8)
    assert project(rows).var() * 8 > 0.99 * rows.numpy().var(axis=0).sum()
