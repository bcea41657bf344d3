"""Confident learning flags what its authors' package flags."""

import warnings

import numpy as np
from cleanlab.filter import find_label_issues
from hypothesis import given
from hypothesis import strategies as some

from tilth.audit.review.label_errors import confident_joint, label_errors


def noisy(seed: int, count: int, classes: int, flips: float, sharpness: float):
    """Return labels, some of them wrong, probabilities of a middling model, and the truth."""
    stream = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), stream.integers(0, classes, count - classes)])
    logits = stream.normal(size=(count, classes)) + sharpness * np.eye(classes)[truth]
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    flipped = stream.random(count) < flips
    labels = np.where(flipped, (truth + stream.integers(1, classes, count)) % classes, truth)
    return labels, probabilities, truth


@given(
    seed=some.integers(0, 10_000),
    count=some.integers(30, 400),
    classes=some.integers(2, 7),
    flips=some.floats(0, 0.4),
    sharpness=some.floats(0, 6),
)
def test_the_flagged_set_is_cleanlabs(seed, count, classes, flips, sharpness):
    labels, probabilities, _ = noisy(seed, count, classes, flips, sharpness)
    if len(np.unique(labels)) < classes:
        return  # cleanlab wants every class among the labels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of classes with one row
        theirs = find_label_issues(labels, probabilities, n_jobs=1)
    assert sorted(label_errors(labels, probabilities).places) == np.flatnonzero(theirs).tolist()


def test_the_joint_counts_the_rows_of_each_label():
    labels, probabilities, _ = noisy(0, 500, 5, 0.2, 4)
    joint = confident_joint(labels, probabilities)
    assert joint.sum(axis=1).tolist() == np.bincount(labels).tolist()


def test_flips_are_found_and_come_first():
    labels, probabilities, truth = noisy(1, 2000, 4, 0.05, 8)
    found = label_errors(labels, probabilities)
    wrong = labels != truth
    assert wrong[found.places].mean() > 0.95
    assert wrong[found.places].sum() / wrong.sum() > 0.95
    assert (np.diff(found.scores[found.places]) >= 0).all()


def test_nothing_is_flagged_where_the_model_agrees():
    labels = np.arange(40) % 4
    sure = np.eye(4)[labels] * 0.9 + 0.025
    assert len(label_errors(labels, sure).places) == 0


def test_a_class_without_rows_is_no_error():
    labels = np.array([0, 0, 1, 1, 0])
    probabilities = np.full((5, 3), 0.1)
    probabilities[np.arange(5), [0, 0, 1, 1, 1]] = 0.8
    assert label_errors(labels, probabilities).places.tolist() == [4]
