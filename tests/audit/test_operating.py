"""The ROC curve and the thresholds against scikit-learn and counting."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, precision_score, recall_score, roc_auc_score

from tilth.audit.operating import MOST_POINTS, operating_points, roc_curve


@pytest.mark.parametrize("digits", [1, 8])
def test_the_curve_encloses_the_area_that_auc_says(digits):
    generator = np.random.default_rng(0)
    positive = generator.random(150) < 0.4
    chances = np.clip(0.3 * positive + 0.7 * generator.random(150), 0, 1).round(digits)
    curve = roc_curve(chances, positive)
    assert curve is not None
    area = auc(curve["false_alarms"], curve["recall"])
    assert area == pytest.approx(roc_auc_score(positive, chances))
    assert curve["recall"][0] == curve["false_alarms"][0] == 0.0
    assert curve["recall"][-1] == curve["false_alarms"][-1] == 1.0


def test_a_long_curve_is_thinned_and_keeps_its_shape():
    generator = np.random.default_rng(1)
    positive = generator.random(20_000) < 0.5
    chances = 0.3 * positive + 0.7 * generator.random(20_000)
    curve = roc_curve(chances, positive)
    assert curve is not None and len(curve["recall"]) <= MOST_POINTS
    area = auc(curve["false_alarms"], curve["recall"])
    assert area == pytest.approx(roc_auc_score(positive, chances), abs=1e-3)


@pytest.mark.parametrize("positive", [np.zeros(5, bool), np.ones(5, bool)])
def test_one_class_has_no_curve_and_undefined_numbers_are_none(positive):
    chances = np.array([0.05, 0.2, 0.3, 0.4, 0.5])
    assert roc_curve(chances, positive) is None
    points = operating_points(chances, positive)
    assert points[-1]["flagged"] == 0 and points[-1]["precision"] is None
    assert (points[0]["recall"] is None) == (not positive.any())
    assert (points[0]["false_alarms"] is None) == positive.all()


def test_points_equal_scikit_learn():
    generator = np.random.default_rng(2)
    positive = generator.random(400) < 0.3
    chances = np.clip(0.4 * positive + 0.6 * generator.random(400), 0, 1)
    for point in operating_points(chances, positive):
        flagged = chances >= point["threshold"]
        assert point["flagged"] == flagged.sum()
        assert point["recall"] == pytest.approx(recall_score(positive, flagged))
        if flagged.any():
            assert point["precision"] == pytest.approx(precision_score(positive, flagged))
        assert point["false_alarms"] == pytest.approx(1 - recall_score(~positive, ~flagged))
