"""Strengths, sums and shifts against scikit-learn and closed forms."""

import numpy as np
import pytest

from tilth.data.table_leaks import column_strength, exact_sum, shift


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_leak_is_strong_and_noise_is_not(rng):
    target = rng.integers(0, 3, 2000)
    copy = target * 10.0 + rng.random(2000)
    noise = rng.normal(size=2000)
    strength = {"category": False, "classes": True}
    assert column_strength(copy, target, **strength) > 0.995
    assert column_strength(noise, target, **strength) < 0.6
    missing_tells = np.where(target == 1, np.nan, noise)
    binary = (target == 1).astype(int)
    assert column_strength(missing_tells, binary, **strength) > 0.995
    noisy = np.where(rng.random(2000) < 0.2, rng.integers(0, 3, 2000), target)
    assert column_strength(noisy.astype(float), target, category=True, classes=True) < 0.95
    assert column_strength(target * 1.0, target, category=True, classes=True) > 0.995
    assert column_strength(copy[:50], target[:50], **strength) == 0.0  # too few to say


def test_strength_for_numbers_is_explained_variance(rng):
    target = rng.normal(size=4000)
    strength = {"category": False, "classes": False}
    assert column_strength(np.exp(target), target, **strength) > 0.99
    # half signal, half noise: R^2 of the best predictor is 1/2
    half = column_strength(target + rng.normal(size=4000), target, **strength)
    assert 0.3 < half < 0.55
    kinds = rng.integers(0, 4, 4000)
    means = np.array([0.0, 3.0, 6.0, 9.0])[kinds] + rng.normal(size=4000)
    variance = np.var([0, 3, 6, 9])
    expected = variance / (variance + 1)
    found = column_strength(kinds.astype(float), means, category=True, classes=False)
    assert found == pytest.approx(expected, abs=0.02)
    # the answer does not hang on where zero is
    found = column_strength(kinds.astype(float), means + 1e4, **{**strength, "category": True})
    assert found == pytest.approx(expected, abs=0.02)


def test_a_sum_of_columns_is_found_among_others(rng):
    columns = rng.normal(size=(500, 5))
    columns[3, 0] = np.nan
    target = 2 * columns[:, 1] - columns[:, 4] + 7
    assert exact_sum(columns, target).tolist() == [1, 4]
    assert exact_sum(columns, target + 0.1 * rng.normal(size=500)).tolist() == []
    assert exact_sum(columns[:50], target[:50]).tolist() == []
    assert exact_sum(np.zeros((500, 0)), target).tolist() == []


def test_shift_of_numbers_is_the_kolmogorov_smirnov_statistic(rng):
    from scipy.stats import ks_2samp

    a, b = rng.normal(size=3000), rng.normal(0.5, size=2000)
    found = shift(a, b, category=False, columns=1)
    assert found == pytest.approx(ks_2samp(a, b).statistic)
    assert shift(a, np.append(b, np.nan), category=False, columns=1) == found
    assert shift(a, b[:50], category=False, columns=1) == 0.0


def test_shift_of_categories_is_total_variation(rng):
    a = np.repeat([0.0, 1.0, 2.0], [5000, 3000, 2000])
    b = np.repeat([0.0, 1.0, 3.0], [3000, 3000, 4000])
    # shares .5 .3 .2 0 and .3 .3 0 .4: half the sum of differences
    assert shift(a, b, category=True, columns=1) == pytest.approx(0.4)


def test_chance_is_not_called_shift(rng):
    named = 0
    for _ in range(50):
        a, b = rng.normal(size=300), rng.normal(size=300)
        named += shift(a, b, category=False, columns=50) > 0
        a, b = rng.integers(0, 20, 300).astype(float), rng.integers(0, 20, 300).astype(float)
        named += shift(a, b, category=True, columns=50) > 0
    assert named == 0
