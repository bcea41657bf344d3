"""Frechet distance between two sets of features: how far apart two Gaussians fitted to them are.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500, equation 6), after Dowson and Landau 1982. It
is called FID where the features are those of one Inception net; with any other net its numbers
compare with those of the same net alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilth.errors import UserError

FloatArray = NDArray[np.float64]


def gaussian_frechet(
    first_mean: FloatArray, first_cov: FloatArray, second_mean: FloatArray, second_cov: FloatArray
) -> float:
    """Return the squared distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    means: [D]; covariances: [D, D]. The trace of the root is that of the symmetric root of
    C1^(1/2) C2 C1^(1/2), which has the same eigenvalues and is safe where a covariance is singular.

    >>> gaussian_frechet(np.zeros(2), np.eye(2), np.ones(2), 4 * np.eye(2))
    4.0
    """
    values, vectors = np.linalg.eigh(first_cov)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ second_cov @ root).clip(min=0)
    apart = float(np.square(first_mean - second_mean).sum())
    return apart + float(np.trace(first_cov) + np.trace(second_cov) - 2 * np.sqrt(inner).sum())


def frechet_distance(real: FloatArray, generated: FloatArray) -> float:
    """Return the distance between Gaussians fitted to two sets of features [N, D].

    It is biased: fewer rows give a greater distance, so numbers compare at one number of rows
    only (Binkowski et al. 2018, section 4). Raises UserError for fewer than two rows.
    """
    for what, rows in (("real", real), ("generated", generated)):
        if len(rows) < 2:
            raise UserError(f"{len(rows)} {what} rows", rule="a covariance needs two at least")
    covs = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (real, generated)]
    return gaussian_frechet(real.mean(axis=0), covs[0], generated.mean(axis=0), covs[1])
