"""Kernel distance between two sets of features: unbiased, so that sets of any size compare.

Binkowski, Sutherland, Arbel and Gretton 2018 (https://arxiv.org/abs/1801.01401, section 4): the
squared maximum mean discrepancy with the kernel (x . y / D + 1)^3, by the unbiased estimate of
Gretton et al. 2012, equation 3. Called KID with the features of one Inception net. Departure:
blocks of rows that do not overlap instead of subsets drawn at random, so that their spread gives a
standard error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilth.errors import UserError
from tilth.nn.kernel_discrepancy import cubic

FloatArray = NDArray[np.float64]

MOST_ROWS = 1000  # of a block, as in the paper
LEAST_BLOCKS = 10
LEAST_ROWS = 20


class KernelDistance(NamedTuple):
    """The squared discrepancy and its standard error; around 0 for two sets of one distribution."""

    value: float
    error: float


def squared_discrepancy(first: FloatArray, second: FloatArray) -> float:
    """Return the unbiased estimate of the squared discrepancy of [N, D] and [M, D]; may be < 0."""
    within = [_mean_of_pairs(cubic(rows, rows)) for rows in (first, second)]
    return sum(within) - 2 * float(cubic(first, second).mean())


def _mean_of_pairs(kernel: FloatArray) -> float:
    count = len(kernel)
    return float(kernel.sum() - np.trace(kernel)) / (count * (count - 1))


def kernel_distance(real: FloatArray, generated: FloatArray) -> KernelDistance:
    """Return the distance between two sets of features [N, D], with its standard error.

    The rows are taken in their order, in ten blocks at least, of at most 1,000 rows each; of the
    larger set, the last rows are left over. Raises UserError for fewer than 20 rows.

    >>> draws = np.random.default_rng(0).normal(size=(2, 400, 8))
    >>> found = kernel_distance(draws[0], draws[1])
    >>> abs(found.value) < 3 * found.error
    True
    """
    count = min(len(real), len(generated))
    if count < LEAST_ROWS:
        raise UserError(f"{count} rows", rule=f"blocks need {LEAST_ROWS} rows at least of each set")
    rows = min(MOST_ROWS, count // LEAST_BLOCKS)
    starts = range(0, count - rows + 1, rows)
    found = [squared_discrepancy(real[s : s + rows], generated[s : s + rows]) for s in starts]
    return KernelDistance(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))))
