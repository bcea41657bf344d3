"""The area under the ROC curve against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tilth.data.rank_area import rank_area


def test_area_under_the_curve_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, scores = rng.random(50) < 0.4, rng.integers(0, 6, 50).astype(float)
        assert rank_area(truth, scores) == pytest.approx(roc_auc_score(truth, scores))


def test_one_class_alone_has_none():
    assert math.isnan(rank_area(np.ones(3, bool), np.arange(3.0)))
    assert math.isnan(rank_area(np.zeros(3, bool), np.arange(3.0)))
