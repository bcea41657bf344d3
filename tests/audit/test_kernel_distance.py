"""The kernel distance against double sums, and its fairness to two sets of one distribution."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from tilth.audit.kernel_distance import kernel_distance, squared_discrepancy
from tilth.errors import UserError


def test_the_estimate_written_out_pair_by_pair():
    stream = np.random.default_rng(0)
    first, second = stream.normal(size=(6, 3)), stream.normal(size=(9, 3)) + 0.5

    def kernel(x, y):
        return polynomial_kernel(x[None], y[None], degree=3, gamma=1 / 3, coef0=1).item()

    def within(rows):
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return np.mean(pairs)

    across = np.mean([kernel(x, y) for x in first for y in second])
    wanted = within(first) + within(second) - 2 * across
    assert squared_discrepancy(first, second) == pytest.approx(wanted, rel=1e-10)


def test_two_sets_of_one_distribution_are_at_zero_on_average():
    """Unbiased: the mean over 40 pairs of sets lies within two standard errors of zero."""
    found = []
    for seed in range(40):
        draws = np.random.default_rng(seed).normal(size=(2, 300, 16))
        found.append(kernel_distance(draws[0], draws[1]).value)
    assert abs(np.mean(found)) < 2 * np.std(found, ddof=1) / np.sqrt(40)


def test_the_standard_error_is_that_of_repeated_draws():
    found = [
        kernel_distance(*np.random.default_rng(seed).normal([[[0.0]], [[0.3]]], 1.0, (2, 400, 4)))
        for seed in range(60)
    ]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.25)
    assert min(one.value / one.error for one in found) > 2


def test_it_does_not_depend_on_the_number_of_rows_as_the_frechet_distance_does():
    stream = np.random.default_rng(3)
    first, second = stream.normal(size=(20_000, 8)), stream.normal(size=(20_000, 8)) + 0.2
    few = [
        kernel_distance(first[s : s + 200], second[s : s + 200]).value
        for s in range(0, 20_000, 200)
    ]
    many = kernel_distance(first, second)
    error = np.std(few, ddof=1) / 10
    assert abs(np.mean(few) - many.value) < 3 * (error + many.error)


def test_too_few_rows_are_refused():
    with pytest.raises(UserError, match="19 rows"):
        kernel_distance(np.zeros((19, 2)), np.zeros((50, 2)))
