"""The metrics that tasks offer, as plain functions on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tilth.errors import UserError, choose
from tilth.tasks import Array, Metric


def accuracy(probabilities: Array, classes: Array) -> float:
    """Share of rows whose most probable class is the true one."""
    return float((probabilities.argmax(axis=1) == classes).mean())


def balanced_accuracy(probabilities: Array, classes: Array) -> float:
    """Mean over the classes present of the share of their rows found."""
    answers = probabilities.argmax(axis=1)
    recalls = [(answers[classes == k] == k).mean() for k in np.unique(classes)]
    return float(np.mean(recalls))


def f1_macro(probabilities: Array, classes: Array) -> float:
    """Mean, over the classes that are true or said, of the harmonic mean of precision and recall.

    A bootstrap calls this thousands of times, which a library's checks make fifty times slower.
    """
    size = probabilities.shape[1]
    answers, truths = probabilities.argmax(axis=1), classes.astype(np.int64)
    right = np.bincount(truths[answers == truths], minlength=size)
    said, true = (np.bincount(each, minlength=size) for each in (answers, truths))
    present = said + true > 0
    return float((2 * right[present] / (said + true)[present]).mean())


def log_loss(probabilities: Array, classes: Array) -> float:
    """Mean negative log-probability of the true class, in nats."""
    chosen = probabilities[np.arange(len(classes)), classes.astype(int)]
    return float(-np.log(np.clip(chosen, 1e-12, None)).mean())


def auc(probabilities: Array, classes: Array) -> float:
    """Area under the ROC curve of the second class; nan where only one class is present.

    From the sum of its ranks, ties sharing theirs (Mann and Whitney 1947), as fast as a sort.
    """
    positive = classes == 1
    found, others = int(positive.sum()), int((~positive).sum())
    if not found or not others:
        return float("nan")
    _, places, counts = np.unique(probabilities[:, 1], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[positive].sum() - found * (found + 1) / 2) / (found * others))


def rmse(predicted: Array, true: Array) -> float:
    """Root mean squared error, in the target's units."""
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def mae(predicted: Array, true: Array) -> float:
    """Mean absolute error, in the target's units."""
    return float(np.abs(predicted - true).mean())


def r2(predicted: Array, true: Array) -> float:
    """Share of the variance explained (1 is perfect, 0 is the mean of these rows)."""
    spread = np.sum((true - true.mean()) ** 2)
    return float(1 - np.sum((predicted - true) ** 2) / spread) if spread > 0 else float("nan")


CLASS_METRICS = {
    "accuracy": Metric("accuracy", accuracy),
    "balanced_accuracy": Metric("balanced_accuracy", balanced_accuracy),
    "f1_macro": Metric("f1_macro", f1_macro),
    "log_loss": Metric("log_loss", log_loss, "min"),
}
BINARY_METRICS = {**CLASS_METRICS, "auc": Metric("auc", auc)}
NUMBER_METRICS = {
    "rmse": Metric("rmse", rmse, "min"),
    "mae": Metric("mae", mae, "min"),
    "r2": Metric("r2", r2),
}


def with_own(
    offered: dict[str, Metric], asked: Iterable[str | Metric | Callable[[Array, Array], float]]
) -> tuple[dict[str, Metric], str | None]:
    """Return ``offered`` with the user's own metrics added, and the first one asked for.

    Raises UserError for an unknown name, with the nearest.
    """
    metrics, first = dict(offered), None
    for metric in asked:
        if isinstance(metric, str):
            choose(metric, offered, "metric")
            name = metric
        elif isinstance(metric, Metric):
            name = metric.name
            metrics[name] = metric
        elif callable(metric):
            name = metric.__name__
            metrics[name] = Metric(name, metric)
        else:
            raise UserError(f"metric {metric!r}", rule="a metric is a name, a Metric or a function")
        first = first or name
    return metrics, first
