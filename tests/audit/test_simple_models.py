"""The simple models against scikit-learn used directly, and their time limits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tilth.audit import simple_models


def test_logistic_regression_in_rounds_reaches_what_one_fit_reaches():
    inputs, targets = load_breast_cancer(return_X_y=True)
    ours = simple_models.logistic(inputs, targets)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(inputs, targets)
    assert ours.note == ""
    np.testing.assert_allclose(ours.predict(inputs), theirs.predict_proba(inputs), atol=5e-3)
    assert ours.classes is not None and ours.classes.tolist() == [0, 1]


def test_logistic_regression_stops_at_its_limit_and_says_so(recwarn):
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(400, 60)), generator.integers(0, 30, 400)
    found = simple_models.logistic(inputs, targets, seconds=0.0)
    assert found.note == "stopped after 5 iterations, not yet converged"
    assert found.predict(inputs).shape == (400, 30)
    assert not recwarn.list


def test_logistic_regression_of_one_class_cannot_be():
    with pytest.raises(ValueError, match="class"):
        simple_models.logistic(np.zeros((10, 2)), np.zeros(10, np.int64))


def test_ridge_equals_the_closed_form():
    inputs, targets = load_diabetes(return_X_y=True)
    scaled = (inputs - inputs.mean(0)) / inputs.std(0)
    gram = scaled.T @ scaled + np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (targets - targets.mean()))
    expected = scaled @ weights + targets.mean()
    np.testing.assert_allclose(simple_models.ridge(inputs, targets).predict(inputs), expected)
    theirs = Ridge(alpha=1.0).fit(scaled, targets).predict(scaled)
    np.testing.assert_allclose(expected, theirs)


@pytest.mark.parametrize("classes", [True, False])
def test_boosting_in_two_fits_equals_one(classes):
    inputs, targets = (load_iris if classes else load_diabetes)(return_X_y=True)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    whole = kind(max_iter=100, early_stopping=False, random_state=3).fit(inputs, targets)
    none = np.zeros(inputs.shape[1], dtype=bool)
    ours = simple_models.boosting(inputs, targets, categories=none, classes=classes, seed=3)
    expected = whole.predict_proba(inputs) if classes else whole.predict(inputs)
    np.testing.assert_allclose(ours.predict(inputs), expected)
    assert ours.note == ""


def test_boosting_does_as_many_rounds_as_time_allows():
    inputs, targets = load_diabetes(return_X_y=True)
    none = np.zeros(inputs.shape[1], dtype=bool)
    found = simple_models.boosting(inputs, targets, categories=none, classes=False, seconds=0.0)
    assert found.note == "10 of 100 rounds, all that 0 s allow"


def test_boosting_takes_missing_values_and_categories():
    """As scikit-learn does when told of the category, which is not as it does when not told."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 40, 600)
    effect = generator.permutation(np.repeat([0, 1], 20))
    inputs = np.stack([codes.astype(float), generator.normal(size=600)], axis=1)
    inputs[::7, 1] = np.nan
    targets = np.where(generator.random(600) < 0.2, 1 - effect[codes], effect[codes])
    kinds = np.array([True, False])
    found = simple_models.boosting(inputs, targets, categories=kinds, classes=True)
    told, untold = (
        HistGradientBoostingClassifier(
            early_stopping=False, random_state=0, categorical_features=categories
        )
        .fit(inputs, targets)
        .predict_proba(inputs)
        for categories in ([0], None)
    )
    np.testing.assert_allclose(found.predict(inputs), told)
    assert np.abs(told - untold).max() > 0.05


def test_more_codes_than_a_category_may_have_are_taken_as_numbers():
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 400, (600, 1)).astype(float)
    targets = (inputs[:, 0] > 200).astype(np.int64)
    found = simple_models.boosting(inputs, targets, categories=np.array([True]), classes=True)
    assert (found.predict(inputs).argmax(axis=1) == targets).mean() > 0.98
