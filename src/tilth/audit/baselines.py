"""What a net has to beat: always the commonest answer, a linear model, boosted trees.

Each is fitted on train and asked about the same test rows as the net, in the same form (logits,
or standardised numbers), so that the same metrics judge it. None may take long: rows and time
are limited, and each limit that bites is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from tilth.audit import simple_models
from tilth.audit.simple_models import Fitted, Numbers
from tilth.data.dataset import IntArray, Rows
from tilth.randomness import numpy_generator

MOST_NUMBERS = 20_000_000  # rows x features in memory at once: 80 MB as float32
_LEAST_CHANCE = 1e-9  # of a class that train does not hold: finite, so that losses stay finite

Features = Callable[[IntArray], Numbers]


class _Table(Protocol):
    """What tables offer to trees."""

    def tree_features(self, rows: IntArray) -> tuple[Numbers, Numbers]:
        """Return [rows, features], missing as NaN, and which [features] are category codes."""
        ...


@dataclass
class Baseline:
    """A simple model and its answers on test.

    name: stable ("majority", "mean", "linear", "boosting"); what: the same in words
    outputs: [rows, classes] logits or [rows] standardised numbers; None where it failed
    notes: the limits that bit, and why it failed if it did
    """

    name: str
    what: str
    outputs: Tensor | None = None
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def fit_baselines(data: Rows, test_rows: IntArray, *, seed: int = 0) -> list[Baseline]:
    """Fit every baseline that fits the data on train and ask it about ``test_rows``.

    A baseline that cannot be fitted is returned without outputs and says why in its notes: the
    net it would have been compared with is already trained and deserves its report.
    """
    classes = data.target.kind == "classes"
    constant = Baseline("majority", "always the commonest class")
    if not classes:
        constant = Baseline("mean", "always the mean")
    linear = Baseline("linear", "logistic regression" if classes else "ridge regression")
    made = [_run(constant, _constant, data, test_rows, seed)]
    made.append(_run(linear, _linear, data, test_rows, seed))
    if data.kind == "table":
        trees = Baseline("boosting", "gradient-boosted trees")
        made.append(_run(trees, _boosting, data, test_rows, seed))
    return made


def _run(
    card: Baseline,
    fit: Callable[[Baseline, Rows, IntArray, int], Numbers],
    data: Rows,
    test_rows: IntArray,
    seed: int,
) -> Baseline:
    began = time.perf_counter()
    try:
        answers = np.asarray(fit(card, data, test_rows, seed), dtype=np.float32)
        card.outputs = torch.from_numpy(answers)
    except (ValueError, MemoryError, np.linalg.LinAlgError) as error:
        card.notes.append(f"could not be fitted: {error}")
    card.seconds = time.perf_counter() - began
    return card


def _constant(card: Baseline, data: Rows, test_rows: IntArray, seed: int) -> Numbers:
    targets = data.targets.numpy()[_known(data)]
    if data.target.kind == "number":
        return np.full(len(test_rows), targets.mean())
    counts = np.bincount(targets, minlength=len(data.target.labels))
    shares = np.maximum(counts / counts.sum(), _LEAST_CHANCE)
    return np.tile(np.log(shares), (len(test_rows), 1))


def _linear(card: Baseline, data: Rows, test_rows: IntArray, seed: int) -> Numbers:
    rows = _some(card, data, data.flat_features, seed)
    inputs, targets = data.flat_features(rows), data.targets.numpy()[rows]
    if data.kind == "images":
        card.notes.append(f"on {inputs.shape[1]:,} numbers of each shrunk picture")
    if data.target.kind == "number":
        fitted = simple_models.ridge(inputs, targets)
    else:
        fitted = simple_models.logistic(inputs, targets)
    return _answers(card, data, fitted, data.flat_features, test_rows)


def _boosting(card: Baseline, data: Rows, test_rows: IntArray, seed: int) -> Numbers:
    table = cast(_Table, data)

    def features(rows: IntArray) -> Numbers:
        return table.tree_features(rows)[0]

    rows = _some(card, data, features, seed)
    inputs, categories = table.tree_features(rows)
    fitted = simple_models.boosting(
        inputs,
        data.targets.numpy()[rows],
        categories=categories,
        classes=data.target.kind == "classes",
        seed=seed,
    )
    return _answers(card, data, fitted, features, test_rows)


def _known(data: Rows) -> IntArray:
    """Return the train rows whose target is known (a label that is not has class -1)."""
    rows = data.splits["train"]
    if data.target.kind == "number":
        return rows
    return rows[data.targets.numpy()[rows] >= 0]


def _some(card: Baseline, data: Rows, features: Features, seed: int) -> IntArray:
    """Return the train rows to fit on, a random part of them where there are too many."""
    rows = _known(data)
    most = min(data.usual.baseline_rows, MOST_NUMBERS // max(1, features(rows[:1]).shape[1]))
    if len(rows) <= most:
        return rows
    card.notes.append(f"fitted on {most:,} of {len(rows):,} train rows")
    return np.sort(numpy_generator(seed, "baseline").choice(rows, most, replace=False))


def _answers(
    card: Baseline, data: Rows, fitted: Fitted, features: Features, test_rows: IntArray
) -> Numbers:
    """Ask about all test rows, a bounded number of features at a time."""
    if fitted.note:
        card.notes.append(fitted.note)
    width = max(1, features(test_rows[:1]).shape[1])
    pieces = max(1, -(-len(test_rows) * width // MOST_NUMBERS))
    answers = [fitted.predict(features(part)) for part in np.array_split(test_rows, pieces)]
    joined = np.concatenate(answers)
    if fitted.classes is None:
        return joined
    logits = np.full((len(joined), len(data.target.labels)), np.log(_LEAST_CHANCE))
    logits[:, fitted.classes] = np.log(np.maximum(joined, _LEAST_CHANCE))
    return logits
