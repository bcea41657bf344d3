"""Rows along the directions in which they vary most: principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def principal(rows: Floats, count: int) -> tuple[Floats, Floats]:
    """Return rows [N, F] along their first components [N, up to count], and their shares.

    shares: of the whole variance; the sign of each component is that of its largest weight

    >>> points, shares = principal(np.array([[0.0, 1.0], [2.0, 1.0]]), 1)
    >>> points[:, 0].round(6).tolist(), shares.tolist()
    ([-1.0, 1.0], [1.0])
    """
    from sklearn.decomposition import PCA

    many = len(rows) > rows.shape[1]  # then the covariance is the smaller matrix
    fitted = PCA(min(count, *rows.shape), svd_solver="covariance_eigh" if many else "full")
    return fitted.fit_transform(rows), fitted.explained_variance_ratio_
