"""Rows that are probably mislabelled, by confident learning.

Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels",
https://arxiv.org/abs/1911.00068: a row counts for class j where its probability of j reaches the
mean that rows labelled j have (equation 2); the counts of (label, class) pairs, scaled to the
number of rows with each label (section 3.1), say how many rows of each label belong to each other
class; so many are flagged, by the largest margin between the two probabilities ("prune by noise
rate", section 3.2). As in its authors' package, cleanlab, rows are not flagged whose largest
probability is that of their label, and each class keeps a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import IntArray

Floats = NDArray[np.floating[Any]]

_ROUNDING = 1e-6  # a probability that is below its threshold by no more has reached it


@dataclass(frozen=True)
class LabelErrors:
    """What confident learning flags.

    places: of the flagged rows, the least self-confident first; scores: [rows] probability of
    the label that each row has, of all rows; joint: [K, K] rows estimated to be labelled i and
    to belong to j
    """

    places: IntArray
    scores: Floats
    joint: IntArray


def label_errors(labels: IntArray, probabilities: Floats) -> LabelErrors:
    """Return which rows are probably mislabelled.

    labels: [N] class ids as they are given; probabilities: [N, K] of each class, by models that
    did not learn from the row

    >>> sure = np.repeat(np.eye(2) * 0.8 + 0.1, 10, axis=0)
    >>> labels = np.repeat([0, 1], 10)
    >>> labels[3] = 1
    >>> label_errors(labels, sure).places
    array([3])
    """
    count = probabilities.shape[1]
    scores = probabilities[np.arange(len(labels)), labels]
    joint = confident_joint(labels, probabilities)
    wanted = _to_flag(joint)
    flagged = np.zeros(len(labels), dtype=bool)
    for label in range(count):
        mine = np.flatnonzero(labels == label)
        if len(mine) <= 1:
            continue
        for other in np.flatnonzero(wanted[label]):
            margin = probabilities[mine, other] - probabilities[mine, label]
            flagged[mine[np.argsort(-margin)[: wanted[label, other]]]] = True
    nudged = probabilities.astype(np.float64)
    nudged[np.arange(len(labels)), labels] += _ROUNDING
    flagged &= nudged.argmax(axis=1) != labels
    places = np.flatnonzero(flagged)
    return LabelErrors(places[np.argsort(scores[places], kind="stable")], scores, joint)


def confident_joint(labels: IntArray, probabilities: Floats) -> IntArray:
    """Return [K, K] how many rows of each label belong to each class; rows sum to the labels'.

    labels: [N] class ids; probabilities: [N, K]
    """
    count = probabilities.shape[1]
    sizes = np.bincount(labels, minlength=count)
    means = [probabilities[labels == k, k].mean() if sizes[k] else 2.0 for k in range(count)]
    confident = probabilities >= np.maximum(means, 2 * _ROUNDING) - _ROUNDING
    counted = confident.any(axis=1)
    # of several classes that are reached, the most probable
    belongs = np.where(confident, probabilities, -1.0).argmax(axis=1)
    several = confident.sum(axis=1) > 1
    belongs = np.where(several, probabilities.argmax(axis=1), belongs)
    joint = np.zeros((count, count))
    np.add.at(joint, (labels[counted], belongs[counted]), 1)
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    scaled = joint / joint.sum(axis=1, keepdims=True) * sizes[:, None]
    scaled *= len(labels) / scaled.sum()
    return np.stack([_rounded(row) for row in scaled])


def _to_flag(joint: IntArray) -> IntArray:
    """Return [K, K] how many rows of each label are flagged for each class: 0 on the diagonal."""
    kept = np.maximum(joint.diagonal(), 1)
    missing = kept - joint.diagonal()
    others = np.maximum(np.count_nonzero(joint, axis=1) - 1.0, 1.0)
    wanted = np.maximum(joint - (missing / others)[:, None], 0.0)
    np.fill_diagonal(wanted, kept)
    whole: IntArray = wanted.astype(np.int64)
    np.fill_diagonal(whole, 0)
    return whole


def _rounded(values: Floats) -> IntArray:
    """Return whole numbers of the same sum: what rounding leaves over goes to the nearest."""
    whole = values.round()
    missing = int(round(float(values.sum())) - whole.sum())
    step = 1 if missing > 0 else -1
    # the sort as it comes, as in cleanlab: of equals, whichever it puts last
    order = np.argsort(values - whole)[::-step]
    for place in order[: abs(missing)]:
        whole[place] += step
    found: IntArray = whole.astype(np.int64)
    return found
