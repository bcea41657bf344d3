"""The plots of a report on numbers: predicted against true, the errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tilth.audit import figures
from tilth.audit.figures import INK, NET, OTHER, VALID, drawable


def predicted_against_true(regression: Mapping[str, Any], name: str) -> str:
    """Draw each (or many a) test row's prediction over its true value, and the interval."""
    points = regression["points"]
    width = regression["coverage"]["half_width"]
    ends = [min(points["true"] + points["predicted"]), max(points["true"] + points["predicted"])]
    with figures.style():
        figure, axes = figures.new(5.0, 4.4)
        axes.scatter(points["true"], points["predicted"], s=11, color=NET, alpha=0.45, linewidth=0)
        axes.plot(ends, ends, color=INK, linestyle="--", linewidth=1, label="perfect")
        if width is not None:
            above, below = ([end + shift for end in ends] for shift in (width, -width))
            axes.plot(ends, above, color=VALID, linewidth=1, label="90 % interval")
            axes.plot(ends, below, color=VALID, linewidth=1)
        axes.legend(fontsize=8.5, loc="upper left")
        label = drawable(name)
        axes.set(xlabel=f"true {label}", ylabel=f"predicted {label}")
        axes.set_title("Predicted against true, on test")
        return figures.svg(figure, "against", "Predicted against true values")


def residual_histogram(regression: Mapping[str, Any], name: str) -> str:
    """Draw how often the predictions are off by how much."""
    found = regression["residuals"]
    edges = np.array(found["edges"])
    with figures.style():
        figure, axes = figures.new(5.0, 3.1)
        axes.bar(
            edges[:-1], found["counts"], width=np.diff(edges), align="edge", color=NET, alpha=0.8
        )
        axes.axvline(0, color=INK, linestyle="--", linewidth=1)
        axes.set(xlabel=f"predicted - true ({drawable(name)})", ylabel="test rows")
        axes.set_title("Errors")
        return figures.svg(figure, "residuals", "Histogram of the errors")


def residuals_by_prediction(regression: Mapping[str, Any], name: str) -> str:
    """Draw the error of each (or many a) test row over its prediction."""
    points = regression["points"]
    errors = np.array(points["predicted"]) - np.array(points["true"])
    with figures.style():
        figure, axes = figures.new(5.0, 3.1)
        axes.scatter(points["predicted"], errors, s=11, color=OTHER, alpha=0.6, linewidth=0)
        axes.axhline(0, color=INK, linestyle="--", linewidth=1)
        label = drawable(name)
        axes.set(xlabel=f"predicted {label}", ylabel="predicted - true")
        axes.set_title("Errors by prediction")
        return figures.svg(figure, "errors", "Errors over the predictions")
