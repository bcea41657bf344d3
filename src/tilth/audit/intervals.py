"""How sure a score is: intervals for proportions, for any statistic of rows, for differences.

An interval here covers one thing only: that another test set of the same size would have been
drawn from the same source. It says nothing of training again with another seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilth.data.dataset import IntArray
from tilth.errors import UserError
from tilth.randomness import numpy_generator

FloatArray = NDArray[np.float64]
LEVEL = 0.95
MOST_ROWS = 10_000
"""Rows in one resample at most; with more test rows the spread is scaled (see ``bootstrap``)."""


class Interval(NamedTuple):
    """A value with its ``low`` and ``high`` end (NaN where not defined) and how it was made."""

    value: float
    low: float
    high: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values; what is not a finite number becomes None.

        >>> Interval(0.5, 0.25, float("nan"), "wilson").to_json()
        {'value': 0.5, 'low': 0.25, 'high': None, 'method': 'wilson'}
        """
        ends = {name: getattr(self, name) for name in ("value", "low", "high")}
        plain = {name: float(end) if math.isfinite(end) else None for name, end in ends.items()}
        return {**plain, "method": self.method}


def wilson(successes: int, count: int, level: float = LEVEL) -> Interval:
    """Return the score interval of a proportion (Wilson 1927, equation 1).

    Unlike value +- 1.96 standard errors it is right for proportions near 0 and 1 and never
    leaves [0, 1]. Raises UserError unless 0 <= successes <= count and count >= 1.

    >>> [round(number, 3) for number in wilson(98, 100)[:3]]
    [0.98, 0.93, 0.994]
    """
    if not 0 <= successes <= count or count < 1:
        raise UserError(f"{successes} of {count}", rule="needs 0 <= successes <= count, count >= 1")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # rounding must not put the value outside its own interval at 0 and at 1
    low, high = min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)
    return Interval(share, low, high, "wilson")


@dataclass(frozen=True)
class Draws:
    """A statistic on all rows, ``value`` [...], and on each resample, ``draws`` [resamples, ...].

    All parts of a statistic are computed on the same resamples, so the interval of a difference
    of two of them is a paired one.
    """

    value: FloatArray
    draws: FloatArray

    def interval(self, part: int, level: float = LEVEL) -> Interval:
        """Return the percentile interval of one part of the statistic.

        It has no ends where every resample gives the same number (a perfect score): that tells
        of the method's blindness, not of certainty.
        """
        found = _percentile(float(self.value[part]), self.draws[:, part], level, "bootstrap")
        if found.low == found.high:
            return Interval(found.value, math.nan, math.nan, "the same in every resample")
        return found

    def difference(self, part: int, other: int, level: float = LEVEL) -> Interval:
        """Return part minus other, with its paired percentile interval."""
        value = float(self.value[part] - self.value[other])
        draws = self.draws[:, part] - self.draws[:, other]
        return _percentile(value, draws, level, "paired bootstrap")


def _percentile(value: float, draws: FloatArray, level: float, method: str) -> Interval:
    defined = draws[np.isfinite(draws)]
    # a statistic that one resample in ten cannot compute (one class only) has no honest interval
    if not math.isfinite(value) or len(defined) < 0.9 * len(draws):
        return Interval(value, math.nan, math.nan, "not defined")
    low, high = np.quantile(defined, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(value, float(low), float(high), method)


def bootstrap(
    statistic: Callable[[IntArray], ArrayLike],
    count: int,
    *,
    resamples: int = 1000,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> Draws:
    """Compute ``statistic`` on all rows and on ``resamples`` samples with replacement.

    statistic: row numbers [n] -> array of parts (NaN where a part is not defined)
    count: number of rows

    The percentile bootstrap (Efron 1979). With more than ``most_rows`` rows each resample has
    only that many, m of n, and its deviation from the whole is scaled by sqrt(m / n) (Bickel,
    Goetze and van Zwet 1997, section 2: right for statistics that converge as 1 / sqrt(n), as
    all the metrics here do), so the time does not grow with the test set.
    Raises UserError where there are no rows.

    >>> rows = np.arange(100.0)
    >>> draws = bootstrap(lambda chosen: [rows[chosen].mean()], 100)
    >>> [round(number) for number in draws.interval(0)[:3]]
    [50, 44, 55]
    """
    if count < 1:
        raise UserError("no rows to resample", fix="give the test split at least one row")
    generator = numpy_generator(seed, "bootstrap")
    size = min(count, most_rows)
    value = np.asarray(statistic(np.arange(count)), dtype=np.float64)
    draws = np.stack(
        [
            np.asarray(statistic(generator.integers(0, count, size)), dtype=np.float64)
            for _ in range(resamples)
        ]
    )
    return Draws(value, value + (draws - value) * math.sqrt(size / count))
