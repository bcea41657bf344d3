"""Temperature, calibration errors and conformal widths against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from tilth.audit import calibration


def drawn(count: int, classes: int, temperature: float, seed: int = 0):
    """Return logits whose softmax is right at ``temperature``, and classes drawn from that."""
    generator = np.random.default_rng(seed)
    logits = temperature * generator.normal(scale=2.0, size=(count, classes))
    chances = np.exp(log_softmax(logits / temperature, axis=1))
    targets = (chances.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1)
    return logits, targets.clip(0, classes - 1)


@pytest.mark.parametrize("true", [0.4, 1.7, 5.0])
def test_the_temperature_that_made_the_data_is_found(true):
    logits, targets = drawn(20_000, 5, true)
    found = calibration.fit_temperature(logits, targets)
    assert found.value == pytest.approx(true, rel=0.04)
    assert found.why == "fitted on 20,000 rows"


def test_the_temperature_is_where_a_general_optimiser_finds_the_least_loss():
    logits, targets = drawn(300, 3, 2.5, seed=4)
    aim = np.zeros_like(logits)
    rows = np.arange(len(targets))
    aim[rows, targets] = 1 - 1 / 302
    others = logits.copy()
    others[rows, targets] = -np.inf
    aim[rows, others.argmax(axis=1)] += 1 / 302

    def loss(log_temperature: float) -> float:
        return float(-(aim * log_softmax(logits / math.exp(log_temperature), axis=1)).sum())

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert calibration.fit_temperature(logits, targets).value == pytest.approx(
        math.exp(best.x), rel=1e-4
    )


def test_a_fold_without_errors_does_not_ask_for_certainty():
    """200 rows that are all right allow about 99.5 % on average, not 100 %."""
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 200)
    logits = np.zeros((200, 2))
    logits[np.arange(200), targets] = generator.uniform(0.5, 3, 200)
    found = calibration.fit_temperature(logits, targets)
    assert 0.2 < found.value < 0.7
    confidence = np.exp(calibration.log_probabilities(logits, found.value)).max(axis=1)
    assert 0.97 < confidence.mean() < 0.999


def test_one_error_in_a_small_fold_is_not_explained_away():
    logits = np.tile([3.0, 0.0], (40, 1))
    logits[0] = [0.01, 0.0]
    targets = np.zeros(40, dtype=np.int64)
    targets[0] = 1
    found = calibration.fit_temperature(logits, targets)
    assert found.value > 0.5


@pytest.mark.parametrize(
    ("logits", "targets", "why"),
    [
        (np.zeros((19, 2)), np.zeros(19, np.int64), "19 rows, needs 20"),
        (np.full((50, 2), np.nan), np.zeros(50, np.int64), "not all finite"),
        (np.tile([1.0, 0.0], (50, 1)), np.ones(50, np.int64), "say nothing"),
        (np.tile([1.1, 0.0], (60, 1)), np.repeat([0, 1], [45, 15]), "not clearly better"),
    ],
)
def test_where_no_temperature_can_be_had_one_is_kept_and_the_reason_said(logits, targets, why):
    found = calibration.fit_temperature(logits, targets)
    assert found.value == 1.0
    assert why in found.why


def test_many_rows_are_thinned_evenly(monkeypatch):
    logits, targets = drawn(6000, 4, 3.0)
    monkeypatch.setattr(calibration, "MOST_NUMBERS", 8000)
    found = calibration.fit_temperature(logits, targets)
    assert found.why == "fitted on 2,000 rows"
    assert found.value == pytest.approx(3.0, rel=0.1)


def by_hand(confidences, correct, members) -> float:
    total = 0.0
    for number in set(members):
        inside = [i for i, member in enumerate(members) if member == number]
        accuracy = sum(bool(correct[i]) for i in inside) / len(inside)
        confidence = sum(confidences[i] for i in inside) / len(inside)
        total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return total


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_errors_equal_loops_over_bins(rows):
    confidences = np.array([row[0] for row in rows])
    correct = np.array([row[1] for row in rows])
    width = [
        next(k for k in range(15) if (k == 0 or c > k / 15) and c <= (k + 1) / 15)
        for c in confidences
    ]
    order = sorted(range(len(rows)), key=lambda i: confidences[i])
    places = {row: place for place, row in enumerate(order)}
    equal = [places[i] * 15 // len(rows) for i in range(len(rows))]
    ece = calibration.expected_calibration_error(confidences, correct)
    adaptive = calibration.adaptive_calibration_error(confidences, correct)
    # a confidence on the edge of a bin may round to either side
    if all(abs(c * 15 - round(c * 15)) > 1e-9 or c in (0.0, 1.0) for c in confidences):
        assert ece == pytest.approx(by_hand(confidences, correct, width), abs=1e-12)
    assert adaptive == pytest.approx(by_hand(confidences, correct, equal), abs=1e-12)
    assert 0 <= ece <= 1


def test_every_bin_is_open_below_and_closed_above():
    """Rows just above, at and just below every edge, each wrong, in bins found by comparing."""
    edges = np.arange(1, 15) / 15
    confidences = np.concatenate([edges - 0.01, edges + 0.01, [0.0, 1.0]])
    correct = np.arange(len(confidences)) % 3 == 0
    members = [next(k for k in range(15) if c <= (k + 1) / 15) for c in confidences]
    found = calibration.expected_calibration_error(confidences, correct)
    assert found == pytest.approx(by_hand(confidences, correct, members), abs=1e-12)
    found = calibration.reliability(np.array([1 / 3, 1 / 3 + 1e-6]), np.array([True, False]), 3)
    assert [(one["from"], one["count"]) for one in found] == [(0.0, 1), (1 / 3, 1)]


def test_summary_equals_scikit_learn():
    logits, targets = drawn(500, 4, 1.5)
    found = calibration.summarise(logits, targets, 1.3)
    chances = np.exp(log_softmax(logits / 1.3, axis=1))
    assert found["nll"] == pytest.approx(log_loss(targets, chances))
    truth = np.eye(4)[targets]
    assert found["brier"] == pytest.approx(((chances - truth) ** 2).sum(axis=1).mean())
    assert sum(one["count"] for one in found["bins"]) == 500
    assert all(one["low"] <= one["accuracy"] <= one["high"] for one in found["bins"])
    weighted = sum(one["count"] * abs(one["accuracy"] - one["confidence"]) for one in found["bins"])
    assert found["ece"] == pytest.approx(weighted / 500)


def test_the_brier_score_of_two_classes_is_twice_the_halved_one():
    logits, targets = drawn(300, 2, 1.0)
    chances = np.exp(log_softmax(logits, axis=1))
    half = brier_score_loss(targets, chances[:, 1])
    assert calibration.brier_score(chances, targets) == pytest.approx(2 * half)


def test_an_overconfident_net_is_mended():
    logits, targets = drawn(8000, 10, 4.0)
    fold, rest = slice(0, 3000), slice(3000, None)
    temperature = calibration.fit_temperature(logits[fold], targets[fold]).value
    before = calibration.summarise(logits[rest], targets[rest], 1.0)
    after = calibration.summarise(logits[rest], targets[rest], temperature)
    assert after["ece"] < 0.25 * before["ece"]
    assert after["nll"] < before["nll"] and after["brier"] < before["brier"]


def test_conformal_intervals_hold_what_they_promise():
    """With exchangeable errors the chance is k / (n + 1) exactly; here 18 / 20."""
    generator = np.random.default_rng(0)
    errors = generator.exponential(size=(20_000, 20))
    widths = np.array([calibration.conformal_half_width(row[:19]) for row in errors])
    assert (errors[:, 19] <= widths).mean() == pytest.approx(18 / 20, abs=0.007)


def test_too_few_rows_give_no_conformal_interval():
    assert calibration.conformal_half_width(np.arange(8.0)) is None
    assert calibration.conformal_half_width(np.arange(9.0)) == 8.0
    assert calibration.conformal_half_width(np.zeros(0)) is None
