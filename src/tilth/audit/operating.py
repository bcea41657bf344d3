"""Two classes: what each threshold would catch and what it would cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.audit.intervals import FloatArray

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MOST_POINTS = 200  # of a stored curve; the eye cannot see more


def operating_points(chances: FloatArray, positive: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return, per threshold, how many rows are flagged, and the recall, precision, false alarms.

    chances: [rows] calibrated probability of the positive class; positive: [rows] truth
    A number that is not defined (nothing flagged, one class only) is None.

    >>> points = operating_points(np.array([0.95, 0.3]), np.array([True, False]))
    >>> points[4]["recall"], points[4]["precision"], points[4]["false_alarms"]
    (1.0, 1.0, 0.0)
    """
    points = []
    for threshold in THRESHOLDS:
        flagged = chances >= threshold
        hits = int((flagged & positive).sum())
        points.append(
            {
                "threshold": threshold,
                "flagged": int(flagged.sum()),
                "recall": _share(hits, int(positive.sum())),
                "precision": _share(hits, int(flagged.sum())),
                "false_alarms": _share(int((flagged & ~positive).sum()), int((~positive).sum())),
            }
        )
    return points


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def roc_curve(chances: FloatArray, positive: NDArray[np.bool_]) -> dict[str, list[float]] | None:
    """Return false alarm rates and recalls as the threshold falls, from (0, 0) to (1, 1).

    Rows of equal chance enter together. None where the rows hold one class only.
    """
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-chances, kind="stable")
    last = np.append(np.flatnonzero(np.diff(chances[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[last]
    alarms = 1 + last - hits
    recall = np.concatenate([[0.0], hits / positive.sum()])
    false_alarms = np.concatenate([[0.0], alarms / (~positive).sum()])
    kept = np.unique(np.linspace(0, len(recall) - 1, MOST_POINTS).round().astype(np.int64))
    return {"false_alarms": false_alarms[kept].tolist(), "recall": recall[kept].tolist()}
