"""Predicted numbers beside true ones: errors, where they are large, intervals and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilth.audit.calibration import conformal_half_width
from tilth.audit.intervals import FloatArray, wilson
from tilth.randomness import numpy_generator

LEVEL = 0.9
MOST_POINTS = 1500  # drawn of predicted against true; more are one blot
PARTS = 5
BINS = 40


def examine_numbers(
    predicted: FloatArray,
    true: FloatArray,
    calibrate_errors: FloatArray,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what there is to see of a regression, in the units of the target.

    predicted, true: [rows] of test
    calibrate_errors: [rows] absolute errors on the calibrate fold, which make the interval
    """
    residuals = predicted - true
    return {
        "points": _points(predicted, true, seed),
        "residuals": _histogram(residuals),
        "bias": float(residuals.mean()),
        "median_error": float(np.median(np.abs(residuals))),
        "parts": _parts(residuals, true),
        "coverage": coverage(residuals, calibrate_errors),
    }


def coverage(residuals: FloatArray, calibrate_errors: FloatArray) -> dict[str, Any]:
    """Return how wide 90 % intervals are, and how many test rows they really held."""
    width = conformal_half_width(calibrate_errors, LEVEL)
    found: dict[str, Any] = {
        "level": LEVEL,
        "half_width": width,
        "calibrate_rows": len(calibrate_errors),
        "observed": None,
    }
    if width is not None:
        held = int((np.abs(residuals) <= width).sum())
        found["observed"] = wilson(held, len(residuals)).to_json()
    return found


def _points(predicted: FloatArray, true: FloatArray, seed: int) -> dict[str, list[float]]:
    chosen = np.arange(len(true))
    if len(true) > MOST_POINTS:
        generator = numpy_generator(seed, "points")
        chosen = np.sort(generator.choice(len(true), MOST_POINTS, replace=False))
    # five digits draw the same picture and halve the file
    rounded = [[float(f"{x:.5g}") for x in values[chosen]] for values in (true, predicted)]
    return {"true": rounded[0], "predicted": rounded[1]}


def _histogram(residuals: FloatArray) -> dict[str, Any]:
    """Count residuals between their 0.5 % and 99.5 % points; what lies outside is counted too."""
    low, high = np.quantile(residuals, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(residuals, bins=BINS, range=(low, high))
    outside = len(residuals) - int(counts.sum())
    return {"counts": counts.tolist(), "edges": edges.tolist(), "outside": outside}


def _parts(residuals: FloatArray, true: FloatArray) -> list[dict[str, Any]]:
    """Errors in parts of (nearly) equal counts from the smallest true values to the largest."""
    order = np.argsort(true, kind="stable")
    return [
        {
            "from": float(true[part[0]]),
            "to": float(true[part[-1]]),
            "rows": len(part),
            "mae": float(np.abs(residuals[part]).mean()),
            "bias": float(residuals[part].mean()),
        }
        for part in np.array_split(order, min(PARTS, len(order)))
    ]
