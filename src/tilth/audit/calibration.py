"""Whether stated probabilities come true: temperature, calibration errors, conformal widths.

Everything is numpy on the CPU. ``logits`` are [rows, classes], ``targets`` [rows] class ids.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilth.audit.intervals import FloatArray, wilson
from tilth.data.dataset import IntArray

BINS = 15  # Guo et al. 2017, section 5
FEWEST_ROWS = 20  # below, one row moves the fit more than any miscalibration it could find
LOWEST, HIGHEST = 0.01, 100.0
MOST_NUMBERS = 20_000_000  # rows x classes looked at in one fit; beyond, every k-th row


class Temperature(NamedTuple):
    """The number logits are divided by, and in words where it comes from."""

    value: float
    why: str


def log_probabilities(logits: NDArray[Any], temperature: float = 1.0) -> FloatArray:
    """Return log softmax(logits / temperature), [rows, classes], in float64."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return scaled


def fit_temperature(logits: NDArray[Any], targets: IntArray) -> Temperature:
    """Find the temperature with the least negative log-likelihood (Guo et al. 2017, equation 9).

    In the inverse temperature the likelihood is convex, so bisection of its slope cannot miss.

    Departures. A share 1 / (rows + 2) of each row counts for its runner-up, as if one row more
    had been wrong (Platt 1999, section 2.2, does so with two classes): without it a fold that
    happens to be all right asks for certainty. 1.0 is kept, and the reason said, where the rows
    are too few, where no temperature helps, and where the gain does not pay for one more number
    by Akaike's criterion (twice the gain in log-likelihood <= 2).

    >>> sure = np.array([[4.0, 0.0]] * 40_000)
    >>> mostly = np.array([0] * 30_000 + [1] * 10_000)  # says 98 %, is right in 75 %: 4 / log 3
    >>> round(fit_temperature(sure, mostly).value, 2)
    3.64
    """
    if len(targets) < FEWEST_ROWS:
        return Temperature(1.0, f"not fitted: {len(targets)} rows, needs {FEWEST_ROWS}")
    if not np.isfinite(logits).all():
        return Temperature(1.0, "not fitted: the outputs are not all finite")
    stride = math.ceil(logits.size / MOST_NUMBERS)
    logits, targets = np.asarray(logits, dtype=np.float64)[::stride], targets[::stride]
    aim = _aim(logits, targets)
    if _slope(logits, aim, 1 / HIGHEST) >= 0:
        return Temperature(1.0, "not fitted: the outputs say nothing about these rows")
    temperature = _bisect(logits, aim)
    change = log_probabilities(logits, temperature) - log_probabilities(logits)
    if 2 * (aim * change).sum() <= 2:
        why = f"kept: on {len(targets)} rows {temperature:.2f} is not clearly better than 1"
        return Temperature(1.0, why)
    return Temperature(temperature, f"fitted on {len(targets):,} rows")


def _aim(logits: FloatArray, targets: IntArray) -> FloatArray:
    """Return the probabilities to aim at: the truth, a little of it given to its runner-up."""
    rows, little = np.arange(len(targets)), 1 / (len(targets) + 2)
    others = logits.copy()
    others[rows, targets] = -np.inf
    aim = np.zeros_like(logits)
    aim[rows, targets] = 1 - little
    aim[rows, others.argmax(axis=1)] += little
    return aim


def _slope(logits: FloatArray, aim: FloatArray, inverse: float) -> float:
    """Return d(mean cross entropy) / d(inverse temperature): E_p[logit] - E_aim[logit]."""
    probabilities = np.exp(log_probabilities(logits, 1 / inverse))
    return float(((probabilities - aim) * logits).sum(axis=1).mean())


def _bisect(logits: FloatArray, aim: FloatArray) -> float:
    low, high = math.log(1 / HIGHEST), math.log(1 / LOWEST)
    while high - low > 1e-6:
        middle = (low + high) / 2
        if _slope(logits, aim, math.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def expected_calibration_error(
    confidences: FloatArray, correct: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Return the mean |accuracy - confidence| over equal-width bins (Guo et al. 2017, eq. 3).

    confidences: [rows] probability of the predicted class; correct: [rows] whether it was right

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    return _gap(_width_bins(confidences, bins), confidences, correct)


def adaptive_calibration_error(
    confidences: FloatArray, correct: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Return the same over bins of (nearly) equal counts (Nguyen and O'Connor 2015, section 3).

    Good nets put almost all rows into the last equal-width bin; this looks inside it.
    """
    order = np.argsort(confidences, kind="stable")
    members = np.empty(len(confidences), dtype=np.int64)
    members[order] = np.arange(len(confidences)) * bins // max(len(confidences), 1)
    return _gap(members, confidences, correct)


def _width_bins(confidences: FloatArray, bins: int) -> IntArray:
    # bins are open below and closed above, as in the paper; 0 belongs to the first
    return np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)


def _gap(members: IntArray, confidences: FloatArray, correct: NDArray[np.bool_]) -> float:
    difference = np.bincount(members, weights=correct - confidences)
    return float(np.abs(difference).sum() / max(len(confidences), 1))


def reliability(
    confidences: FloatArray, correct: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, float]]:
    """Return one entry per non-empty bin: its ends, count, mean confidence, accuracy, interval."""
    members = _width_bins(confidences, bins)
    entries = []
    for number in np.unique(members):
        inside = members == number
        accuracy = wilson(int(correct[inside].sum()), int(inside.sum()))
        entries.append(
            {
                "from": float(number / bins),
                "to": float((number + 1) / bins),
                "count": int(inside.sum()),
                "confidence": float(confidences[inside].mean()),
                "accuracy": accuracy.value,
                "low": accuracy.low,
                "high": accuracy.high,
            }
        )
    return entries


def brier_score(probabilities: FloatArray, targets: IntArray) -> float:
    """Return the mean squared distance to the truth, summed over classes: 0 to 2 (Brier 1950).

    >>> brier_score(np.array([[0.5, 0.5]]), np.array([0]))
    0.5
    """
    own = probabilities[np.arange(len(targets)), targets]
    return float((np.square(probabilities).sum(axis=1) - 2 * own + 1).mean())


def summarise(logits: NDArray[Any], targets: IntArray, temperature: float) -> dict[str, Any]:
    """Return every calibration number of one temperature, and the reliability bins."""
    logs = log_probabilities(logits, temperature)
    probabilities = np.exp(logs)
    confidences = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == targets
    return {
        "temperature": temperature,
        "nll": float(-logs[np.arange(len(targets)), targets].mean()),
        "brier": brier_score(probabilities, targets),
        "ece": expected_calibration_error(confidences, correct),
        "adaptive_ece": adaptive_calibration_error(confidences, correct),
        "bins": reliability(confidences, correct),
    }


def conformal_half_width(errors: FloatArray, level: float = 0.9) -> float | None:
    """Return the half width of intervals that hold a new row's value with chance >= level.

    errors: [rows] absolute errors on rows that neither learned nor chose anything

    Split conformal prediction: the ceil((n + 1) level)-th smallest error (Vovk, Gammerman and
    Shafer 2005; Lei et al. 2018, algorithm 2). None where the rows are too few for that level.

    >>> conformal_half_width(np.arange(1.0, 20.0))      # 19 errors: the 18th
    18.0
    >>> conformal_half_width(np.arange(5.0)) is None
    True
    """
    rank = math.ceil((len(errors) + 1) * level)
    return float(np.sort(errors)[rank - 1]) if rank <= len(errors) else None
