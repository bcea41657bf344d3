"""The plots of a report on classes: counts, confusion, reliability, the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tilth.audit import figures
from tilth.audit.figures import GOOD, INK, LINE, NET, OTHER, VALID, drawable

MOST_BARS = 60
MOST_WRITTEN = 20  # classes up to which every cell of the matrix says its number


def class_counts(splits: Mapping[str, Any], labels: Sequence[str]) -> str | None:
    """Draw the rows of each class, split by split; None where there are too many classes."""
    if not 1 < len(labels) <= MOST_BARS:
        return None
    colours = {"train": NET, "valid": VALID, "calibrate": GOOD, "test": OTHER}
    with figures.style():
        figure, axes = figures.new(7.6, 0.9 + 0.24 * len(labels))
        left = np.zeros(len(labels))
        for split, found in splits.items():
            counts = np.array(found.get("classes", [0] * len(labels)), dtype=np.float64)
            colour = colours.get(split, LINE)
            axes.barh(range(len(labels)), counts, left=left, height=0.72, color=colour, label=split)
            left += counts
        axes.set_yticks(range(len(labels)), [drawable(label, 32) for label in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("rows")
        axes.set_title("Rows of each class")
        figure.legend(loc="outside lower center", ncols=4, fontsize=8.5)
        return figures.svg(figure, "counts", "Rows of each class in each split")


def confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Draw the share of each true class (row) that was given each answer (column)."""
    matrix = np.array(counts, dtype=np.float64)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    size = len(labels)
    side = min(max(4.2, 3.2 + 0.22 * size), 13.0)
    with figures.style():
        figure, axes = figures.new(side + 0.9, side)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(float(shares.max()), 1e-9))
        names = [drawable(label, 18 if size <= 30 else 14) for label in labels]
        small = 9 if size <= 15 else 7.5 if size <= 45 else 5.5
        turned: Any = {}
        if max(map(len, names)) * size > 40:
            turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(size), names, **turned)
        axes.set_yticks(range(size), names)
        axes.tick_params(labelsize=small, length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if size <= MOST_WRITTEN:
            _write_cells(axes, matrix, shares, small)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title("Confusion matrix on test")
        bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.02)
        bar.ax.set_ylabel("share of the true class")
        bar.outline.set_visible(False)
        return figures.svg(figure, "confusion", "Confusion matrix", tight=True)


def _write_cells(axes: Any, matrix: Any, shares: Any, size: float) -> None:
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 0.55 * shares.max() else INK
            axes.text(
                column,
                row,
                f"{int(count):,}",
                ha="center",
                va="center",
                color=colour,
                fontsize=size - 0.5,
            )


def reliability(calibration: Mapping[str, Any]) -> str:
    """Draw accuracy against confidence before and after the temperature, and the counts."""
    panels = [("before", "Before", VALID), ("after", "After", GOOD)]
    changed = calibration["before"]["temperature"] != calibration["after"]["temperature"]
    panels = panels if changed else [("after", "As it is", GOOD)]
    with figures.style():
        figure, grid = figures.new(
            7.6 if changed else 4.4,
            4.3,
            nrows=2,
            ncols=len(panels),
            squeeze=False,
            sharex=True,
            height_ratios=[3, 1],
        )
        for column, (key, name, colour) in enumerate(panels):
            _reliability_panel(grid[0][column], grid[1][column], calibration[key], name, colour)
        return figures.svg(figure, "reliability", "Reliability diagram")


def _reliability_panel(
    above: Any, below: Any, found: Mapping[str, Any], name: str, colour: str
) -> None:
    above.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="perfect")
    for one in found["bins"]:
        # a bin of a few rows says little, and should look like it
        strength = min(1.0, 0.25 + one["count"] / 40)
        ends = [[one["accuracy"] - one["low"]], [one["high"] - one["accuracy"]]]
        above.errorbar(
            one["confidence"],
            one["accuracy"],
            yerr=ends,
            fmt="o",
            color=colour,
            markersize=5,
            elinewidth=1.2,
            capsize=2.5,
            alpha=strength,
        )
    above.errorbar([], [], yerr=[], fmt="o", color=colour, markersize=5, label="this net, 95 %")
    above.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), ylabel="share right")
    above.set_title(f"{name}: calibration error {100 * found['ece']:.2f} %")
    above.legend(fontsize=8.5, loc="upper left")
    centres = [(one["from"] + one["to"]) / 2 for one in found["bins"]]
    width = [0.9 * (one["to"] - one["from"]) for one in found["bins"]]
    below.bar(centres, [one["count"] for one in found["bins"]], width=width, color="#aab3bb")
    below.set_yscale("log")
    below.set_ylim(bottom=0.7)
    below.yaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    below.yaxis.set_minor_formatter(lambda value, place: "")
    below.set(xlabel="confidence (chance given to the answer)", ylabel="rows (log)")


def roc(operating: Mapping[str, Any]) -> str | None:
    """Draw the ROC curve of two classes; None where test holds one of them only."""
    curve = operating.get("roc")
    if not curve:
        return None
    with figures.style():
        figure, axes = figures.new(4.4, 4.0)
        axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="guessing")
        axes.plot(curve["false_alarms"], curve["recall"], color=NET, label="this net")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        positive = drawable(operating["positive"])
        axes.set_xlabel("false alarms (share of the others flagged)")
        axes.set_ylabel(f"recall (share of {positive} found)")
        axes.set_title("ROC curve on test")
        axes.legend(fontsize=8.5, loc="lower right")
        return figures.svg(figure, "roc", "ROC curve")
