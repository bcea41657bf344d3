"""How far two sets of features lie apart, as a number of each row whose mean is the estimate.

Binkowski, Sutherland, Arbel and Gretton 2018 (https://arxiv.org/abs/1801.01401, section 4): the
squared maximum mean discrepancy with the kernel (x . y / D + 1)^3; called KID with the features of
one Inception net. ``row_discrepancies`` gives it as the jackknife pseudo-values of a U-statistic
(Arvesen 1969, "Jackknifing U-statistics"): their mean is the estimate, and their spread that of the
estimate, so that rows may be resampled as for any mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilth.errors import UserError

FloatArray = NDArray[np.float64]


def cubic_kernel(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return [N, M] of (x . y / D + 1)^3 for [N, D] and [M, D]."""
    found: FloatArray = (first @ second.T / first.shape[1] + 1) ** 3
    return found


def row_discrepancies(real: FloatArray, made: FloatArray) -> FloatArray:
    """Return [N] whose mean is the unbiased squared discrepancy of two sets [N, D]; may be < 0.

    With h(i, j) = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i), it is the mean U of h over
    pairs i != j (Gretton et al. 2012, lemma 6), and row i has N U - (N - 1) U_(without i).
    Raises UserError for sets of other lengths or fewer than three rows.

    >>> rows = np.arange(8.0).reshape(4, 2)
    >>> float(row_discrepancies(rows, rows).mean())
    0.0
    """
    count = len(real)
    if len(made) != count or count < 3:
        raise UserError(
            f"{count} and {len(made)} rows to compare", rule="as many of each, and three at least"
        )
    across = cubic_kernel(real, made)
    pairs = cubic_kernel(real, real) + cubic_kernel(made, made) - across - across.T
    np.fill_diagonal(pairs, 0.0)
    means = pairs.sum(axis=1) / (count - 1)
    found: FloatArray = (2 * (count - 1) * means - count * means.mean()) / (count - 2)
    return found
