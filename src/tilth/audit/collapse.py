"""Has a generator collapsed? Modes it leaves out, and rows it makes again and again.

Modes: real rows are gathered into bins, and a bin is missing where generated rows fall into it
significantly less often than real ones (Richardson and Weiss 2018,
https://arxiv.org/abs/1805.12462, section 2; here one-sided, by Fisher's exact test, with the level
divided by the number of bins, and only bins at less than half their due count). The bins are made
from one half of the real rows and counted with the other, which they do not favour.
Repeats: generated rows lie nearer to each other than real ones do (the idea of the birthday test
of Arora and Zhang 2018, https://arxiv.org/abs/1706.08224, without a person who looks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from tilth.audit.coverage import radii
from tilth.errors import UserError
from tilth.randomness import fold, numpy_generator

FloatArray = NDArray[np.float64]

LEVEL = 1e-4  # chance of a false alarm over all bins together; 0.01 gave 2 in 120 looks
HALF = 0.5  # of its due count: what a missing bin stays below
LEAST_MASS = 0.02  # of the real rows: missing bins that hold less are no collapse
MORE_REPEATS = 0.1  # share of generated rows beyond that of real ones
NEAR = 0.01  # quantile of the real rows' distances that counts as near
ROWS_PER_BIN, MOST_BINS, MOST_ROWS = 50, 100, 4000
LEAST_ROWS = 200


@dataclass(frozen=True)
class Collapse:
    """What was seen of a collapse.

    missing: share of the real rows that lie in bins which the generator leaves out
    missing_bins, bins: how many bins that is, of how many
    repeats: share of generated rows nearer to another one than 99 % of real rows are, less the
        same share of real rows
    """

    missing: float
    missing_bins: int
    bins: int
    repeats: float

    @property
    def found(self) -> bool:
        """Whether either goes beyond what chance does."""
        return self.missing >= LEAST_MASS or self.repeats > MORE_REPEATS

    def warning(self) -> str:
        """Return what to say of a collapse and what to do about it; empty where there is none."""
        said = []
        if self.missing >= LEAST_MASS:
            said.append(
                f"it leaves out {self.missing_bins} of {self.bins} groups of real rows, which hold "
                f"{100 * self.missing:.0f} % of them"
            )
        if self.repeats > MORE_REPEATS:
            said.append(f"{100 * self.repeats:.0f} % of what it makes it makes again")
        if not said:
            return ""
        fix = "train longer, penalise the critic's slope (r1), or keep an average of the generator"
        return f"Mode collapse: {', and '.join(said)}. Fix: {fix}."


def collapse(real: FloatArray, generated: FloatArray, *, seed: int = 0) -> Collapse:
    """Look for a collapse of generated features [M, D] beside real ones [N, D].

    At most 4,000 rows of each are used. Raises UserError for fewer than 200 rows of either.

    >>> draws = np.random.default_rng(0).normal(size=(2, 400, 2))
    >>> collapse(draws[0], draws[1]).found, collapse(draws[0], draws[1].clip(min=0)).found
    (False, True)
    """
    for what, rows in (("real", real), ("generated", generated)):
        if len(rows) < LEAST_ROWS:
            raise UserError(f"{len(rows)} {what} rows", rule=f"it takes {LEAST_ROWS} of each")
    stream = numpy_generator(seed, "collapse")
    real, generated = (
        rows[stream.permutation(len(rows))[:MOST_ROWS]] for rows in (real, generated)
    )
    due, got = _counts(real, generated, fold(seed, "bins") % 2**32)
    missing = [
        _is_missing(r, g, due.sum(), got.sum(), len(due)) for r, g in zip(due, got, strict=True)
    ]
    return Collapse(
        missing=float(due[missing].sum() / due.sum()),
        missing_bins=sum(missing),
        bins=len(due),
        repeats=_repeats(real, generated),
    )


def _counts(
    real: FloatArray, generated: FloatArray, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many real rows (of the half that made no bin) and generated ones each bin has."""
    from sklearn.cluster import KMeans

    half = len(real) // 2
    bins = min(MOST_BINS, max(2, half // ROWS_PER_BIN))
    means = KMeans(bins, n_init=1, random_state=seed).fit(real[:half])
    due, got = (np.bincount(means.predict(r), minlength=bins) for r in (real[half:], generated))
    return due.astype(np.int64), got.astype(np.int64)


def _is_missing(due: int, got: int, all_due: int, all_got: int, bins: int) -> bool:
    """Say whether a bin with ``got`` of ``all_got`` rows has significantly less than its due."""
    if got * all_due >= HALF * due * all_got:
        return False
    table = [[got, all_got - got], [due, all_due - due]]
    return bool(fisher_exact(table, alternative="less").pvalue < LEVEL / bins)


def _repeats(real: FloatArray, generated: FloatArray) -> float:
    """Compare nearest neighbours in equally many rows: more rows lie closer together."""
    count = min(len(real), len(generated))
    own, other = radii(real[:count], 1), radii(generated[:count], 1)
    near = np.quantile(own, NEAR)
    return float((other <= near).mean() - (own <= near).mean())
