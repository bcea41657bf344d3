"""Linear models and boosted trees by scikit-learn, on plain arrays, each within a time limit."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINEAR_SECONDS, LINEAR_ITERATIONS = 5.0, 500
TREE_SECONDS, TREES = 20.0, 100  # scikit-learn's own number of boosting rounds
_FIRST_ROUND, _ROUND = 5, 100  # solver iterations between two looks at the clock
_MOST_CODES = 255  # the most categories that scikit-learn's boosting takes in one column

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Fitted:
    """A fitted simple model.

    predict: [rows, features] -> [rows, len(classes)] probabilities, or [rows] numbers
    classes: the class ids that train held, in the order of the columns; None for numbers
    note: the limit that bit; empty where none did
    """

    predict: Callable[[Numbers], Numbers]
    classes: Numbers | None = None
    note: str = ""


def ridge(inputs: Numbers, targets: Numbers) -> Fitted:
    """Fit least squares with a penalty of 1 on standardised features (closed form)."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(inputs)
    model = Ridge(alpha=1.0).fit(scaler.transform(inputs), targets)
    return Fitted(lambda asked: np.asarray(model.predict(scaler.transform(asked))))


def logistic(inputs: Numbers, targets: Numbers, *, seconds: float = LINEAR_SECONDS) -> Fitted:
    """Fit (multinomial) logistic regression with a penalty of 1 on standardised features.

    The solver runs in rounds, each warm-started from the last and as long as the time left
    allows, until it has converged, or ``seconds`` or the most iterations are spent; the note
    then says so.
    Raises ValueError where ``targets`` hold one class only.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(inputs)
    scaled = scaler.transform(inputs)
    model = LogisticRegression(warm_start=True)
    began, done, converged, allowed = time.perf_counter(), 0, False, _FIRST_ROUND
    while not converged and allowed > 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=allowed).fit(scaled, targets)
        done += int(model.n_iter_.max())
        converged = bool(model.n_iter_.max() < allowed)
        spent = time.perf_counter() - began
        fitting = int((seconds - spent) * done / spent)
        allowed = min(_ROUND, LINEAR_ITERATIONS - done, fitting)
    note = "" if converged else f"stopped after {done} iterations, not yet converged"
    return Fitted(
        lambda asked: np.asarray(model.predict_proba(scaler.transform(asked))),
        model.classes_,
        note,
    )


def boosting(
    inputs: Numbers,
    targets: Numbers,
    *,
    categories: NDArray[np.bool_],
    classes: bool,
    seconds: float = TREE_SECONDS,
    seed: int = 0,
) -> Fitted:
    """Fit histogram gradient boosting with scikit-learn's defaults, 100 rounds.

    inputs: [rows, features], missing values NaN; categories: [features] which hold codes >= 0
    classes: whether targets are class ids

    A first short fit measures the time of a round; the rest are as many as ``seconds`` allow.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    codes = [column for column in np.flatnonzero(categories) if _few_codes(inputs[:, column])]
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    first = max(1, TREES // (10 * (int(targets.max()) + 1 if classes else 1)))
    model = kind(
        max_iter=first,
        warm_start=True,
        early_stopping=False,
        categorical_features=codes or None,
        random_state=seed,
    )
    began = time.perf_counter()
    model.fit(inputs, targets)
    spent = time.perf_counter() - began
    rounds = int(min(TREES, max(first, seconds / spent * first)))
    if rounds > first:
        model.set_params(max_iter=rounds).fit(inputs, targets)
    note = f"{rounds} of {TREES} rounds, all that {seconds:g} s allow" if rounds < TREES else ""
    if not classes:
        return Fitted(lambda asked: np.asarray(model.predict(asked)), None, note)
    return Fitted(lambda asked: np.asarray(model.predict_proba(asked)), model.classes_, note)


def _few_codes(column: Numbers) -> bool:
    known = column[np.isfinite(column)]
    # a column of more codes is cut by its code's size instead, as if it were a number
    return not len(known) or known.max() < _MOST_CODES
