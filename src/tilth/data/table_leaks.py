"""Columns that give the target away, and columns that differ between train and test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import IntArray
from tilth.data.rank_area import rank_area

Numbers = NDArray[np.float64]
LEAK = 0.99
"""Held-out AUC, or explained share of variance, from which one column tells the target."""
EXACT = 0.9999
"""Explained share from which columns together are taken to make up the target."""
NOTABLE_SHIFT = 0.1
_FEWEST_ROWS = 100
_FEWEST_PER_CLASS = 5  # in each half, for a class to be judged
_MOST_CLASSES = 50
_CHANCE = 0.001  # that one of all columns is named where nothing differs


def column_strength(
    column: Numbers, target: NDArray[np.generic], *, category: bool, classes: bool
) -> float:
    """Return how well one column alone tells the target, on the half of the rows not fitted on.

    column: [rows] numbers (nan: missing) or category ids; target: [rows] class ids or numbers
    The measure is the mean one-against-rest AUC over classes, or R^2; 0 for too few rows.

    >>> x = np.arange(400.0)
    >>> column_strength(x, (x >= 252).astype(int), category=False, classes=True)
    1.0
    """
    if len(column) < _FEWEST_ROWS:
        return 0.0
    fit, held = np.arange(0, len(column), 2), np.arange(1, len(column), 2)
    if category:
        predict = _by_category(column[fit].astype(np.int64), target[fit], classes)
        answers = predict[np.minimum(column[held].astype(np.int64), len(predict) - 1)]
    else:
        answers = _by_tree(column[fit, None], target[fit], column[held, None], classes)
    if not classes:
        return _explained(target[held].astype(np.float64), answers)
    return _mean_auc(target[fit].astype(np.int64), target[held].astype(np.int64), answers)


def exact_sum(columns: Numbers, target: Numbers) -> IntArray:
    """Return the columns of [rows, columns] numbers whose weighted sum is the target.

    Empty where no such sum explains (nearly) all of the target on rows not fitted on.

    >>> a = np.random.default_rng(0).normal(size=(200, 3))
    >>> exact_sum(a, a[:, 0] + 2 * a[:, 2]).tolist()
    [0, 2]
    """
    rows, width = columns.shape
    if rows < max(_FEWEST_ROWS, 4 * width) or width == 0:
        return np.empty(0, dtype=np.int64)
    filled = np.where(np.isnan(columns), np.nanmedian(columns, axis=0), columns)
    spread = filled.std(axis=0)
    design = (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([design, np.ones(rows)])
    weights = np.linalg.lstsq(design[0::2], target[0::2], rcond=None)[0]
    if _explained(target[1::2], design[1::2] @ weights) < EXACT:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.abs(weights[:-1]) > 0.01 * target.std())


def shift(train: Numbers, test: Numbers, *, category: bool, columns: int) -> float:
    """Return how far a column's values in test are from those in train; 0 where chance would do.

    Numbers: the Kolmogorov-Smirnov statistic (largest difference of the two distribution
    functions); categories: the total variation distance. ``columns`` are judged together.
    """
    train, test = train[~np.isnan(train)], test[~np.isnan(test)]
    if min(len(train), len(test)) < _FEWEST_ROWS:
        return 0.0
    both = (len(train) + len(test)) / (len(train) * len(test))
    if category:
        ids, codes = np.unique(np.concatenate([train, test]), return_inverse=True)
        parts = np.split(codes, [len(train)])
        shares = [np.bincount(part, minlength=len(ids)) / len(part) for part in parts]
        distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
        by_chance = np.sqrt(len(ids) * both) + np.sqrt(np.log(columns / _CHANCE) * both / 2)
    else:
        places = np.sort(np.concatenate([train, test]))
        ranks = [np.searchsorted(np.sort(x), places, side="right") / len(x) for x in (train, test)]
        distance = float(np.abs(ranks[0] - ranks[1]).max())
        # Smirnov's asymptotic bound on the statistic, for all columns at once
        by_chance = np.sqrt(np.log(2 * columns / _CHANCE) * both / 2)
    return distance if distance > by_chance else 0.0


def _by_category(ids: IntArray, target: NDArray[np.generic], classes: bool) -> Numbers:
    """Return the answer per id: the mean target, or smoothed class shares; the last: unknown."""
    size = int(ids.max()) + 2
    counts = np.bincount(ids, minlength=size).astype(np.float64)
    if not classes:
        values = target.astype(np.float64)
        sums = np.bincount(ids, weights=values, minlength=size)
        return np.asarray((sums + values.mean()) / (counts + 1))
    labels = target.astype(np.int64)
    table = np.zeros((size, int(labels.max()) + 1))
    np.add.at(table, (ids, labels), 1.0)
    prior = np.bincount(labels) / len(labels)
    return np.asarray((table + prior) / (counts[:, None] + 1))


def _by_tree(fit: Numbers, target: NDArray[np.generic], held: Numbers, classes: bool) -> Numbers:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if not classes:
        tree = DecisionTreeRegressor(max_leaf_nodes=256, min_samples_leaf=3, random_state=0)
        return np.asarray(tree.fit(fit, target).predict(held))
    tree = DecisionTreeClassifier(max_leaf_nodes=64, min_samples_leaf=3, random_state=0)
    shares = tree.fit(fit, target).predict_proba(held)
    answers = np.zeros((len(held), int(target.max()) + 1))
    answers[:, tree.classes_] = shares
    return answers


def _explained(truth: Numbers, answers: Numbers) -> float:
    total = ((truth - truth.mean()) ** 2).sum()
    return float(1 - ((truth - answers) ** 2).sum() / total) if total > 0 else 0.0


def _mean_auc(fitted: IntArray, truth: IntArray, answers: Numbers) -> float:
    """Return the mean AUC over the commonest classes that both halves have rows enough of."""
    counts = np.minimum(
        np.bincount(fitted, minlength=answers.shape[1])[: answers.shape[1]],
        np.bincount(truth, minlength=answers.shape[1])[: answers.shape[1]],
    )
    judged: Sequence[int] = np.argsort(-counts)[:_MOST_CLASSES].tolist()
    judged = [label for label in judged if counts[label] >= _FEWEST_PER_CLASS]
    if len(judged) < 2:
        return 0.0
    return float(np.mean([rank_area(truth == label, answers[:, label]) for label in judged]))
