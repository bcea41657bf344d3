"""The metrics that tasks offer, as plain functions on NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from tilth.data.rank_area import rank_area
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
    """Area under the ROC curve of the second class; nan where only one class is present."""
    return rank_area(classes == 1, probabilities[:, 1])


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


def standard_error(share: float, rows: int) -> float:
    """Return the standard error of a share of so many rows, two of either kind added.

    The additions (Agresti and Coull 1998, "Approximate is better than exact", section 3) change
    little between, and at 0 and 1, where sqrt(p (1 - p) / n) is 0, say what n rows can tell.

    >>> round(standard_error(0.8, 100), 3), round(standard_error(1.0, 20), 3)
    (0.04, 0.056)
    """
    share = (share * rows + 2) / (rows + 4)
    return math.sqrt(share * (1 - share) / (rows + 4))


CLASS_METRICS = {
    "accuracy": Metric("accuracy", accuracy, error=standard_error),
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


BUILT_IN = {**BINARY_METRICS, **NUMBER_METRICS}
Asked = str | Metric | Callable[[Array, Array], float]


def as_list(asked: Asked | Iterable[Asked]) -> list[Asked]:
    """Return the metrics asked for as a list; one alone is a list of one.

    >>> as_list("accuracy")
    ['accuracy']
    """
    if isinstance(asked, Iterable) and not isinstance(asked, str):
        return list(asked)
    return [asked]


def with_own(
    offered: dict[str, Metric], asked: Asked | Iterable[Asked]
) -> tuple[dict[str, Metric], str | None]:
    """Return ``offered`` with the user's own metrics added, and the first one asked for.

    Raises UserError for an unknown name, with the nearest, and for an own metric without a name
    or with one that is taken.
    """
    metrics, first = dict(offered), None
    for one in as_list(asked):
        if isinstance(one, str):
            name = choose(one, offered, "metric")
        else:
            own = one if isinstance(one, Metric) else _named(one)
            name = own.name
            if name in BUILT_IN or name in metrics:
                taken = "a built-in metric's name" if name in BUILT_IN else "given twice"
                raise UserError(
                    f"a metric of your own called {name!r}, which is {taken}",
                    rule="a name stands for one metric, in the report and in tilth compare",
                    fix=f"call it otherwise: tl.Metric('my_{name}', function)",
                )
            metrics[name] = own
        first = first or name
    return metrics, first


def _named(function: object) -> Metric:
    if not callable(function):
        raise UserError(f"metric {function!r}", rule="a metric is a name, a Metric or a function")
    name = getattr(function, "__name__", None)
    if name is None:  # a functools.partial, an instance with __call__
        raise UserError(
            f"metric {function!r} has no name",
            rule="a metric is listed by its name",
            fix="give it one: tl.Metric('my_metric', function)",
        )
    return Metric(name, function)
