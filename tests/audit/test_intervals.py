"""Intervals against scipy, closed forms and the coverage they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from tilth.audit.intervals import Interval, bootstrap, wilson
from tilth.errors import UserError


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_equals_scipy(count, data, level):
    successes = data.draw(st.integers(0, count))
    ours = wilson(successes, count, level)
    theirs = binomtest(successes, count).proportion_ci(level, method="wilson")
    assert ours.value == successes / count
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)
    assert ours.low <= ours.value <= ours.high


def test_wilson_covers_as_often_as_it_says():
    """Exact coverage at 60 rows over many proportions: 95 % on average, nowhere far below."""
    count = 60
    ends = [wilson(k, count) for k in range(count + 1)]
    covered = [
        sum(binom.pmf(k, count, p) for k, end in enumerate(ends) if end.low <= p <= end.high)
        for p in np.linspace(0.02, 0.98, 49)
    ]
    assert 0.94 < np.mean(covered) < 0.965
    assert min(covered) > 0.89


@pytest.mark.parametrize(("successes", "count"), [(1, 0), (-1, 4), (5, 4)])
def test_wilson_refuses_what_is_no_proportion(successes, count):
    with pytest.raises(UserError, match=f"{successes} of {count}"):
        wilson(successes, count)


def test_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).exponential(size=2000)
    found = bootstrap(lambda rows: [values[rows].mean()], len(values), resamples=2000).interval(0)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.value == values.mean()
    assert found.low == pytest.approx(values.mean() - half, abs=0.12 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.12 * half)


def test_smaller_resamples_are_scaled_to_the_whole():
    """m out of n: the interval of 40,000 rows, from resamples of 1,000, is as wide as it is."""
    values = np.random.default_rng(1).normal(size=40_000)
    found = bootstrap(
        lambda rows: [values[rows].mean()], len(values), resamples=2000, most_rows=1000
    ).interval(0)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(2)
    held = 0
    for trial in range(200):
        values = generator.normal(3.0, size=80)
        found = bootstrap(lambda rows, v=values: [v[rows].mean()], 80, resamples=300, seed=trial)
        interval = found.interval(0)
        held += interval.low <= 3.0 <= interval.high
    assert 0.89 <= held / 200 <= 0.985


def test_a_difference_is_paired():
    """Two scores that move together differ by little although each alone is uncertain."""
    generator = np.random.default_rng(3)
    hard = generator.random(500)
    first, second = hard + 0.01, hard
    draws = bootstrap(lambda rows: [first[rows].mean(), second[rows].mean()], 500)
    gap = draws.difference(0, 1)
    assert gap.low == pytest.approx(0.01) and gap.high == pytest.approx(0.01)
    assert draws.interval(0).high - draws.interval(0).low > 0.03
    assert gap.method == "paired bootstrap"
    assert draws.difference(1, 0).value == -gap.value


def test_seeds_repeat_and_differ():
    values = np.arange(50.0)

    def run(seed: int) -> Interval:
        return bootstrap(lambda rows: [values[rows].mean()], 50, seed=seed).interval(0)

    assert run(0) == run(0) != run(1)


def test_what_some_resamples_cannot_compute_has_no_interval():
    def undefined_in_half(rows: np.ndarray) -> list[float]:
        return [float(rows.mean()) if rows[0] % 2 == 0 else math.nan]

    found = bootstrap(undefined_in_half, 100, resamples=200).interval(0)
    assert found.method == "not defined" and math.isnan(found.low)
    assert found.to_json()["low"] is None


def test_a_perfect_score_gets_no_interval_of_no_width():
    found = bootstrap(lambda rows: [1.0], 30, resamples=50).interval(0)
    assert (found.value, found.method) == (1.0, "the same in every resample")
    assert math.isnan(found.low) and math.isnan(found.high)


def test_no_rows_are_refused():
    with pytest.raises(UserError, match="no rows"):
        bootstrap(lambda rows: [0.0], 0)
