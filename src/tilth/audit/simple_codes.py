"""The simple ways to keep rows as a few numbers, or to give rows a probability."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from tilth.audit.judged import Contestant
from tilth.tasks import Array
from tilth.tasks._reconstructing import Reconstructing


def principal_components(
    task: Reconstructing, train: Tensor, test: Tensor, latents: int
) -> Contestant | None:
    """Return what a linear model of as many numbers a row does, in the task's own measure.

    The error that principal components leave, or the log-probability under probabilistic PCA
    (Tipping and Bishop 1999), which has no divergence of its own to compare. None where there
    are too few rows or numbers for so many components.
    """
    from sklearn.decomposition import PCA

    begun = time.perf_counter()
    known, flat = (rows.flatten(1).double().numpy() for rows in (train, test))
    if latents >= min(known.shape):
        return None
    fitted: Any = PCA(latents, random_state=0).fit(known)
    columns: dict[str, Callable[[], Array]] = {
        "mse": lambda: ((fitted.inverse_transform(fitted.transform(flat)) - flat) ** 2).mean(1),
        "elbo": lambda: fitted.score_samples(flat),
    }
    name = "probabilistic PCA" if "elbo" in task.metrics else "PCA"
    found = {key: column() for key, column in columns.items() if key in task.metrics}
    what = f"{name} with {latents} components"
    return Contestant("pca", what, _values(task, found, len(flat)), time.perf_counter() - begun)


def independent_numbers(task: Reconstructing, train: Tensor, test: Tensor) -> Contestant:
    """Return the log-probability of rows whose numbers are 1 by a chance of their own.

    Each chance is the mean over train, with one row of 0 and one of 1 added, so that none is
    certain. It is what a Bernoulli likelihood gives without latents.
    """
    begun = time.perf_counter()
    known, flat = (rows.flatten(1).double().numpy() for rows in (train, test))
    chance = (known.sum(0) + 1) / (len(known) + 2)
    found = {"elbo": flat @ np.log(chance) + (1 - flat) @ np.log(1 - chance)}
    what, seconds = "each number by itself", time.perf_counter() - begun
    return Contestant("independent", what, _values(task, found, len(flat)), seconds)


def _values(task: Reconstructing, found: dict[str, Array], rows: int) -> Array:
    """Return [rows, metrics], not a number where a simple way has no such measure."""
    nothing = np.full(rows, np.nan)
    return np.stack([found.get(name, nothing) for name in task.metrics], axis=1)
