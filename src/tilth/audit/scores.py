"""Every metric of the net and of each baseline, with intervals, on the same resamples."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tilth.audit.intervals import Draws, Interval, bootstrap, wilson
from tilth.data.dataset import IntArray
from tilth.tasks import Array, Metric

MOST_ROWS = 5_000  # in one resample
MAIN_RESAMPLES, OTHER_RESAMPLES = 1000, 200  # the ends of the main metric's interval are printed
MOST_SECONDS = 30.0  # of resampling for one metric; a slower one is given without an interval
PROPORTIONS = frozenset({"accuracy", "exits"})
"""Metrics that are a share of rows: they get the interval that is right at 0 and 1."""


@dataclass
class Scores:
    """What ``score`` found: contestant -> metric -> interval, and the draws behind them."""

    metrics: Mapping[str, Metric]
    contestants: list[str]
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)
    draws: dict[str, Draws] = field(default_factory=dict)

    def difference(self, name: str, other: str, metric: str) -> Interval:
        """Return how much better ``name`` is than ``other`` (paired): positive is better."""
        if metric not in self.draws:
            value = self.intervals[name][metric].value - self.intervals[other][metric].value
            sign = -1 if self.metrics[metric].mode == "min" else 1
            return Interval(sign * value, math.nan, math.nan, "too slow to resample")
        parts = [self.contestants.index(name), self.contestants.index(other)]
        if self.metrics[metric].mode == "min":
            parts.reverse()
        return self.draws[metric].difference(*parts)


def score(
    metrics: Mapping[str, Metric],
    main: str,
    contestants: Mapping[str, Array],
    truths: Array,
    *,
    seed: int = 0,
) -> Scores:
    """Compute all ``metrics`` of all ``contestants`` against ``truths``, 95 % intervals with them.

    main: the metric that gets the most resamples
    contestants: name -> decoded values, [rows, classes] probabilities or [rows] numbers
    truths: [rows], in the same form as the metrics take them
    """
    found = Scores(metrics, list(contestants), {name: {} for name in contestants})
    for name, metric in metrics.items():
        resamples = MAIN_RESAMPLES if name == main else OTHER_RESAMPLES
        _one(found, name, metric, list(contestants.values()), truths, resamples, seed)
    return found


def _one(
    found: Scores,
    name: str,
    metric: Metric,
    values: list[Array],
    truths: Array,
    resamples: int,
    seed: int,
) -> None:
    began = time.perf_counter()
    whole = [_number(metric, predicted, truths) for predicted in values]
    spent = time.perf_counter() - began

    def statistic(rows: IntArray) -> list[float]:
        return [_number(metric, predicted[rows], truths[rows]) for predicted in values]

    count = len(truths)
    if spent * resamples * min(1.0, MOST_ROWS / count) <= MOST_SECONDS:
        found.draws[name] = bootstrap(
            statistic, count, resamples=resamples, most_rows=MOST_ROWS, seed=seed
        )
    for part, contestant in enumerate(found.contestants):
        interval = Interval(whole[part], math.nan, math.nan, "too slow to resample")
        if name in PROPORTIONS:
            interval = wilson(round(whole[part] * count), count)
        elif name in found.draws:
            interval = found.draws[name].interval(part)
        found.intervals[contestant][name] = interval


def _number(metric: Metric, values: Array, truths: Array) -> float:
    """Return the metric, NaN where these rows cannot give one (a user's own may refuse them)."""
    try:
        return float(metric.function(values, truths))
    except (ValueError, ZeroDivisionError):
        return math.nan


def verdict(difference: Interval) -> str:
    """Say what the interval of a difference allows to say.

    >>> verdict(Interval(0.1, 0.05, 0.2, "")), verdict(Interval(0.1, -0.05, 0.2, ""))
    ('better', 'no clear difference')
    """
    if not math.isfinite(difference.low):
        return "not known"
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "no clear difference"
