"""Confusion counts, class numbers and pairs against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tilth.audit import confusion as module
from tilth.audit.confusion import confusion


def test_counts_and_class_numbers_equal_scikit_learn():
    generator = np.random.default_rng(0)
    targets, predicted = generator.integers(0, 6, 500), generator.integers(0, 6, 500)
    found = confusion(predicted, targets, list("abcdef"))
    np.testing.assert_array_equal(found["counts"], confusion_matrix(targets, predicted))
    precision, recall, f1, support = precision_recall_fscore_support(targets, predicted)
    for place, one in enumerate(found["classes"]):
        assert one["rows"] == support[place]
        assert one["recall"]["value"] == pytest.approx(recall[place])
        assert one["precision"]["value"] == pytest.approx(precision[place])
        assert one["f1"] == pytest.approx(f1[place])
        assert one["recall"]["low"] < recall[place] < one["recall"]["high"]


def test_classes_that_do_not_occur_have_no_numbers():
    found = confusion(np.array([0, 1]), np.array([0, 0]), ["a", "b", "c"])["classes"]
    assert found[1]["recall"] is None and found[1]["precision"]["value"] == 0.0
    assert found[2]["recall"] is None and found[2]["precision"] is None and found[2]["f1"] is None


def test_pairs_are_the_largest_confusions_and_right_answers_are_none():
    targets = np.array([0] * 10 + [1] * 10)
    predicted = np.array([0] * 4 + [1] * 3 + [2] * 3 + [1] * 9 + [0])
    pairs = confusion(predicted, targets, ["a", "b", "c"])["pairs"]
    assert [(one["true"], one["predicted"], one["count"], one["share"]) for one in pairs] == [
        ("a", "b", 3, 0.3),
        ("a", "c", 3, 0.3),
        ("b", "a", 1, 0.1),
    ]


def test_many_classes_are_told_by_their_pairs_alone(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLASSES", 2)
    found = confusion(np.array([0, 2]), np.array([0, 1]), ["a", "b", "c"])
    assert found["counts"] is None
    assert len(found["pairs"]) == 1
