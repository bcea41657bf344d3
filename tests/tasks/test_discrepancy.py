"""The discrepancy of two sets as a mean over rows."""

import numpy as np
import pytest

from tilth.audit.kernel_distance import squared_discrepancy
from tilth.errors import UserError
from tilth.tasks._discrepancy import row_discrepancies

DRAWS = np.random.default_rng(0)


def by_pairs(real, made):
    """Return the U-statistic over ordered pairs, one pair after the other."""
    count, width = real.shape

    def kernel(first, second):
        return (first @ second / width + 1) ** 3

    total = sum(
        kernel(real[i], real[j])
        + kernel(made[i], made[j])
        - kernel(real[i], made[j])
        - kernel(real[j], made[i])
        for i in range(count)
        for j in range(count)
        if i != j
    )
    return total / (count * (count - 1))


def test_rows_are_the_jackknife_s_pseudo_values():
    real, made = DRAWS.normal(size=(7, 3)), DRAWS.normal(size=(7, 3)) + 0.5
    whole = by_pairs(real, made)
    found = row_discrepancies(real, made)
    assert found.mean() == pytest.approx(whole, rel=1e-12)
    for row in range(7):
        rest = np.delete(np.arange(7), row)
        assert found[row] == pytest.approx(7 * whole - 6 * by_pairs(real[rest], made[rest]))


def test_it_agrees_with_the_estimate_over_all_pairs_and_its_spread_is_honest():
    """The standard error from the rows is near the spread over draws, not half of it."""
    means, errors, others = [], [], []
    for _ in range(60):
        real, made = DRAWS.normal(size=(120, 4)), DRAWS.normal(size=(120, 4)) + 0.7
        rows = row_discrepancies(real, made)
        means.append(rows.mean())
        errors.append(rows.std(ddof=1) / np.sqrt(len(rows)))
        others.append(squared_discrepancy(real, made))
    assert np.mean(means) == pytest.approx(np.mean(others), rel=0.02)
    assert 0.75 < np.mean(errors) / np.std(means, ddof=1) < 1.35


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match="as many of each"):
        row_discrepancies(np.zeros((4, 2)), np.zeros((5, 2)))
    with pytest.raises(UserError, match="three at least"):
        row_discrepancies(np.zeros((2, 2)), np.zeros((2, 2)))
