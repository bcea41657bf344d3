"""Every metric against scikit-learn on many small random sets, ties and missing classes with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as theirs

from tilth.tasks._metrics import BINARY_METRICS, CLASS_METRICS, NUMBER_METRICS


def some(seed: int, binary: bool = False):
    """Return rounded (so tied) probabilities and classes, some of which may be absent."""
    generator = np.random.default_rng(seed)
    count, size = generator.integers(2, 60), 2 if binary else generator.integers(2, 6)
    chances = generator.dirichlet(np.ones(size), count).round(int(generator.integers(1, 4)))
    return chances, generator.integers(0, size, count)


@pytest.mark.parametrize("seed", range(40))
def test_metrics_of_classes(seed):
    chances, classes = some(seed)
    answers = chances.argmax(axis=1)
    ours = {name: one.function(chances, classes) for name, one in CLASS_METRICS.items()}
    assert ours["accuracy"] == pytest.approx(theirs.accuracy_score(classes, answers))
    recalls = theirs.recall_score(
        classes, answers, labels=np.unique(classes), average="macro", zero_division=0
    )
    assert ours["balanced_accuracy"] == pytest.approx(recalls)
    f1 = theirs.f1_score(classes, answers, average="macro", zero_division=0)
    assert ours["f1_macro"] == pytest.approx(f1)
    chosen = np.clip(chances[np.arange(len(classes)), classes], 1e-12, None)
    assert ours["log_loss"] == pytest.approx(-np.log(chosen).mean())


@pytest.mark.parametrize("seed", range(40))
def test_auc_with_ties(seed):
    chances, classes = some(seed, binary=True)
    found = BINARY_METRICS["auc"].function(chances, classes)
    if len(np.unique(classes)) < 2:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(theirs.roc_auc_score(classes, chances[:, 1]))


@pytest.mark.parametrize("seed", range(10))
def test_metrics_of_numbers(seed):
    generator = np.random.default_rng(seed)
    true = generator.normal(size=30)
    predicted = true + generator.normal(size=30)
    ours = {name: one.function(predicted, true) for name, one in NUMBER_METRICS.items()}
    assert ours["rmse"] == pytest.approx(theirs.root_mean_squared_error(true, predicted))
    assert ours["mae"] == pytest.approx(theirs.mean_absolute_error(true, predicted))
    assert ours["r2"] == pytest.approx(theirs.r2_score(true, predicted))
    assert math.isnan(NUMBER_METRICS["r2"].function(predicted, np.ones(30)))
