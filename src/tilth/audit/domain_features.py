"""Features of two sets of pictures: drawn in a plane, and whether a linear model parts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tilth.audit import figures
from tilth.audit.simple_models import logistic
from tilth.data.domains import as_domains
from tilth.nn.modes import modes_kept
from tilth.randomness import numpy_generator
from tilth.tasks import Array
from tilth.tasks._domains import BOTH, inputs, spaced
from tilth.tasks._setup import Setup

MOST_PICTURES = 500  # of each set


def features_of(setup: Setup, split: str) -> tuple[Array, Array]:
    """Return features [N, F] of as many pictures of source and target, at most 500 of each."""
    data, found = as_domains(setup.data), []
    sides = data.sides(split)
    count = min(MOST_PICTURES, *(len(rows) for rows in sides))
    model: Any = setup.model
    with modes_kept(model), torch.no_grad():
        model.eval()
        for side, rows in zip(BOTH, sides, strict=True):
            pieces = inputs(setup, side, spaced(rows, count))
            found.append(torch.cat([model.body(seen).flatten(1).float().cpu() for seen in pieces]))
    source, target = (np.asarray(one.double().numpy()) for one in found)
    return source, target


def probe(source: Array, target: Array, seed: int) -> Array:
    """Return [N] 1 where a linear model that never saw a row knows the set that it is from.

    Half of each set is fitted on, the other half asked about. It is the classifier behind the
    proxy A-distance of Ganin et al. 2016, section 5.1.5 (there a linear SVM).
    """
    count = len(source)
    order = numpy_generator(seed, "probe").permutation(count)
    fit, ask = order[: count // 2], order[count // 2 :]
    sides = np.repeat([0, 1], len(fit))
    fitted = logistic(np.concatenate([source[fit], target[fit]]), sides)
    chances = fitted.predict(np.concatenate([source[ask], target[ask]]))
    right: Array = (chances.argmax(axis=1) == np.repeat([0, 1], len(ask))).astype(np.float64)
    return right


def picture(source: Array, target: Array) -> str:
    """Return a base64 PNG of both sets in the plane of their two principal components."""
    from sklearn.decomposition import PCA

    both = np.concatenate([source, target])
    both = (both - both.mean(axis=0)) / (both.std(axis=0) + 1e-12)
    plane = PCA(2, random_state=0).fit_transform(both)
    parts = (plane[: len(source)], plane[len(source) :])
    with figures.style():
        figure, axes = figures.new(4.2, 3.4)
        for part, name, colour in zip(parts, BOTH, (figures.NET, figures.VALID), strict=True):
            axes.scatter(*part.T, s=7, alpha=0.5, color=colour, label=name, linewidths=0)
        axes.set_xticks([])
        axes.set_yticks([])
        figure.legend(loc="outside upper right", ncols=2, markerscale=2)
        return figures.png(figure)
