"""Scores with intervals and paired differences against direct computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from tilth.audit import scores
from tilth.audit.intervals import Interval
from tilth.audit.scores import score, verdict
from tilth.tasks import Metric
from tilth.tasks._metrics import BINARY_METRICS, NUMBER_METRICS


def two_answers(count: int = 400):
    generator = np.random.default_rng(0)
    truths = generator.integers(0, 2, count)
    good = np.clip(0.25 + 0.5 * truths + generator.normal(0, 0.25, count), 0.01, 0.99)
    poor = np.clip(0.4 + 0.2 * truths + generator.normal(0, 0.3, count), 0.01, 0.99)
    return {
        name: np.stack([1 - p, p], axis=1) for name, p in (("net", good), ("linear", poor))
    }, truths


def test_values_are_those_of_the_metrics_and_accuracy_has_wilsons_interval():
    values, truths = two_answers()
    found = score(BINARY_METRICS, "accuracy", values, truths)
    for name, chances in values.items():
        for metric, one in BINARY_METRICS.items():
            interval = found.intervals[name][metric]
            assert interval.value == pytest.approx(one.function(chances, truths))
            assert interval.low <= interval.value <= interval.high
    right = int((values["net"].argmax(axis=1) == truths).sum())
    exact = binomtest(right, 400).proportion_ci(0.95, method="wilson")
    assert found.intervals["net"]["accuracy"].low == pytest.approx(exact.low)


def test_the_difference_of_accuracies_agrees_with_the_paired_normal_interval():
    values, truths = two_answers()
    gap = score(BINARY_METRICS, "accuracy", values, truths).difference("net", "linear", "accuracy")
    right = {name: (chances.argmax(axis=1) == truths) for name, chances in values.items()}
    each = right["net"].astype(float) - right["linear"]
    half = 1.96 * each.std() / math.sqrt(len(each))
    assert gap.value == pytest.approx(each.mean())
    assert gap.low == pytest.approx(each.mean() - half, abs=0.12 * half)
    assert gap.high == pytest.approx(each.mean() + half, abs=0.12 * half)
    assert verdict(gap) == "better"


def test_less_is_better_turns_the_difference_round():
    generator = np.random.default_rng(0)
    truths = generator.normal(size=300)
    values = {"net": truths + 0.1, "mean": np.zeros(300)}
    found = score(NUMBER_METRICS, "rmse", values, truths)
    gap = found.difference("net", "mean", "rmse")
    better = found.intervals["mean"]["rmse"].value - found.intervals["net"]["rmse"].value
    assert gap.value == pytest.approx(better) and gap.low > 0
    assert found.difference("mean", "net", "rmse").value == pytest.approx(-better)


def test_a_metric_that_refuses_rows_is_not_defined():
    def picky(values, truths):
        raise ValueError("not these rows")

    metrics = {"picky": Metric("picky", picky)}
    found = score(metrics, "picky", {"net": np.zeros(20), "mean": np.ones(20)}, np.zeros(20))
    assert math.isnan(found.intervals["net"]["picky"].value)
    assert verdict(found.difference("net", "mean", "picky")) == "not known"


def test_a_slow_metric_keeps_its_value_and_goes_without_an_interval(monkeypatch):
    monkeypatch.setattr(scores, "MOST_SECONDS", 0.0)
    truths = np.arange(30.0)
    values = {"net": truths + 1, "mean": truths + 3}
    found = score(NUMBER_METRICS, "mae", values, truths)
    assert found.intervals["net"]["mae"].value == 1.0
    assert found.intervals["net"]["mae"].method == "too slow to resample"
    gap = found.difference("net", "mean", "mae")
    assert gap.value == 2.0 and math.isnan(gap.low)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.2, "better"),
        (-0.2, -0.1, "worse"),
        (0.0, 0.1, "no clear difference"),
        (-0.1, 0.0, "no clear difference"),
        (math.nan, math.nan, "not known"),
    ],
)
def test_verdicts(low, high, said):
    assert verdict(Interval(0.0, low, high, "")) == said
