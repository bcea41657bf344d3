"""What a report says of predicted numbers, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tilth.audit.regression import MOST_POINTS, coverage, examine_numbers


def test_numbers_equal_counting():
    generator = np.random.default_rng(0)
    true = generator.normal(size=203)
    predicted = true + generator.normal(0.2, 0.5, 203)
    errors = np.abs(generator.normal(0.2, 0.5, 99))
    found = examine_numbers(predicted, true, errors)
    residuals = predicted - true
    assert found["bias"] == pytest.approx(residuals.mean())
    assert found["median_error"] == pytest.approx(np.median(np.abs(residuals)))
    histogram = found["residuals"]
    assert sum(histogram["counts"]) + histogram["outside"] == 203
    assert len(histogram["edges"]) == len(histogram["counts"]) + 1
    parts = found["parts"]
    assert [part["rows"] for part in parts] == [41, 41, 41, 40, 40]
    smallest = np.argsort(true)[:41]
    assert parts[0]["from"] == true.min() and parts[-1]["to"] == true.max()
    assert parts[0]["mae"] == pytest.approx(np.abs(residuals[smallest]).mean())
    assert parts[0]["bias"] == pytest.approx(residuals[smallest].mean())
    width = found["coverage"]["half_width"]
    assert width == np.sort(errors)[89]  # the 90th of 99
    held = np.mean(np.abs(residuals) <= width)
    assert found["coverage"]["observed"]["value"] == pytest.approx(held)


def test_points_are_thinned_and_stay_pairs():
    true = np.arange(5000.0)
    found = examine_numbers(true + 1, true, np.ones(50))["points"]
    assert len(found["true"]) == len(found["predicted"]) == MOST_POINTS
    assert all(p == t + 1 for t, p in zip(found["true"], found["predicted"], strict=True))


def test_too_few_calibrate_rows_give_no_interval():
    found = coverage(np.zeros(10), np.zeros(3))
    assert found["half_width"] is None and found["observed"] is None
    assert found["calibrate_rows"] == 3


def test_one_row_and_a_perfect_fit_can_be_looked_at():
    found = examine_numbers(np.array([2.0]), np.array([2.0]), np.zeros(20))
    assert sum(found["residuals"]["counts"]) == 1
    assert found["parts"] == [{"from": 2.0, "to": 2.0, "rows": 1, "mae": 0.0, "bias": 0.0}]
