"""Values of pairs against brute force, the jackknife written out, and SciPy in one dimension."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from tilth.errors import UserError
from tilth.nn.kernel_discrepancy import cubic, minus_distance, pair_values

STREAM = torch.Generator().manual_seed(0)
REAL = torch.randn(40, 3, generator=STREAM).double()
MADE = torch.randn(40, 3, generator=STREAM).double() * 1.5 + 0.3


def by_hand(real, made, kernel):
    """Lemma 6 of Gretton et al. 2012, pair by pair."""

    def k(first, second):
        return float(kernel(first[None], second[None]))

    pairs = [(i, j) for i in range(len(real)) for j in range(len(real)) if i != j]
    return np.mean(
        [
            k(real[i], real[j]) + k(made[i], made[j]) - k(real[i], made[j]) - k(real[j], made[i])
            for i, j in pairs
        ]
    )


@pytest.mark.parametrize("kernel", [cubic, minus_distance])
def test_the_mean_is_the_estimate_and_each_value_what_the_jackknife_says(kernel):
    found = pair_values(REAL, MADE, kernel)
    whole = by_hand(REAL, MADE, kernel)
    assert float(found.mean()) == pytest.approx(whole, rel=1e-9)
    kept = torch.arange(40) != 7
    without = by_hand(REAL[kept], MADE[kept], kernel)
    assert float(found[7]) == pytest.approx(40 * whole - 39 * without, rel=1e-6)


def test_kernels_are_their_formulas():
    first, second = REAL[:4], MADE[:5]
    for i in range(4):
        for j in range(5):
            x, y = first[i].numpy(), second[j].numpy()
            assert float(cubic(first, second)[i, j]) == pytest.approx((x @ y / 3 + 1) ** 3)
            distance = np.linalg.norm(x - y)
            assert float(minus_distance(first, second)[i, j]) == pytest.approx(-distance)
    assert np.allclose(cubic(first.numpy(), second.numpy()), cubic(first, second))


def test_rows_far_apart_are_twice_their_distance_less_their_spreads():
    """In one dimension, of two sets that do not overlap, E|x - y| is the Wasserstein distance."""
    real, made = torch.rand(500, 1).double(), torch.rand(500, 1).double() + 10
    found = float(pair_values(real, made, minus_distance).mean())
    between = wasserstein_distance(real[:, 0].numpy(), made[:, 0].numpy())
    spreads = sum(
        float(torch.cdist(rows, rows).sum() / (500 * 499)) for rows in (real, made)
    )  # about a third each, for uniform rows
    assert found == pytest.approx(2 * between - spreads, abs=0.01)


def test_blocks_are_drawn_so_that_the_order_of_rows_does_not_matter():
    """Sorted rows in blocks would each be compared with what is made for all of them."""
    real = torch.randn(2500, 1, generator=STREAM).double().sort(0).values
    made = torch.randn(2500, 1, generator=STREAM).double()
    found = pair_values(real, made, minus_distance)
    error = float(found.std()) / len(found) ** 0.5
    assert abs(float(found.mean())) < max(4 * error, 0.005)


def test_the_spread_of_the_values_is_that_of_the_estimate():
    """Over 60 draws, where the two distributions differ."""
    found = [
        pair_values(torch.randn(100, 1).double(), torch.randn(100, 1).double() + 1, minus_distance)
        for _ in range(60)
    ]
    seen = float(torch.stack([values.mean() for values in found]).std())
    said = float(torch.stack([values.std() / 10 for values in found]).mean())
    assert said == pytest.approx(seen, rel=0.3)


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="40 real and 39 made"):
        pair_values(REAL, MADE[:39], cubic)
    with pytest.raises(UserError, match="3 at least"):
        pair_values(REAL[:2], MADE[:2], cubic)
