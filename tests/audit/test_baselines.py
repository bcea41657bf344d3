"""Baselines learn from train alone, answer in the net's form, and say what limited them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.stand_ins import Pictures, class_rows, number_rows
from tilth.audit import baselines, simple_models
from tilth.audit.baselines import fit_baselines
from tilth.tasks.classify import classify
from tilth.tasks.regress import regress


def test_the_majority_answers_with_the_shares_of_train():
    data = class_rows(400, ("a", "b", "c"))
    majority = fit_baselines(data, data.splits["test"])[0]
    counts = np.bincount(data.encoded.numpy()[data.splits["train"]], minlength=3)
    assert majority.name == "majority"
    assert majority.outputs is not None
    chances = classify(target=data.target).decode(majority.outputs).values
    np.testing.assert_allclose(chances, np.tile(counts / counts.sum(), (80, 1)), rtol=1e-5)


def test_the_mean_is_the_mean_of_train():
    data = number_rows(300)
    mean = fit_baselines(data, data.splits["test"])[0]
    assert mean.name == "mean"
    assert mean.outputs is not None
    values = regress(target=data.target).decode(mean.outputs).values
    np.testing.assert_allclose(values, data.target.mean, atol=1e-5)


def test_linear_and_boosting_find_what_is_there():
    data = number_rows(1500)
    rows = data.splits["test"]
    _, linear, boosting = fit_baselines(data, rows)
    truth = data.encoded[torch.from_numpy(rows)].numpy()
    assert linear.outputs is not None and boosting.outputs is not None
    residual = 0.5 / data.target.scale  # the noise that was put in, in standard units
    assert np.std(linear.outputs.numpy() - truth) == pytest.approx(residual, rel=0.12)
    assert np.std(boosting.outputs.numpy() - truth) < 0.5
    assert [linear.what, boosting.what] == ["ridge regression", "gradient-boosted trees"]


def test_pictures_have_no_trees_and_say_what_was_looked_at():
    data = class_rows(200, kind=Pictures)
    found = fit_baselines(data, data.splits["test"])
    assert [one.name for one in found] == ["majority", "linear"]
    assert found[1].notes == ["on 16 numbers of each shrunk picture"]


def test_only_train_is_learned_from():
    data = class_rows(300)
    before = [one.outputs for one in fit_baselines(data, data.splits["test"])]
    others = np.concatenate([data.splits[name] for name in ("valid", "calibrate", "test")])
    data.encoded = data.encoded.clone()
    data.encoded[torch.from_numpy(others)] = 0
    after = [one.outputs for one in fit_baselines(data, data.splits["test"])]
    for old, new in zip(before, after, strict=True):
        assert old is not None and new is not None and torch.equal(old, new)


def test_a_class_that_train_lacks_gets_a_finite_chance():
    data = class_rows(300, ("a", "b", "c"))
    rows = data.splits["train"]
    data.splits["train"] = rows[data.encoded.numpy()[rows] != 1]
    for one in fit_baselines(data, data.splits["test"]):
        assert one.outputs is not None and one.outputs.shape == (60, 3)
        assert torch.isfinite(one.outputs).all()
        assert (one.outputs[:, 1] < one.outputs.amax(dim=1) - 5).all()


def test_rows_of_unknown_labels_are_not_learned():
    data = class_rows(300)
    data.encoded = data.encoded.clone()
    data.encoded[torch.from_numpy(data.splits["train"][:20])] = -1
    for one in fit_baselines(data, data.splits["test"]):
        assert one.outputs is not None and one.outputs.shape == (60, 2)


def test_a_limit_on_rows_is_said(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_NUMBERS", 16 * 50)
    data = class_rows(400)
    _, linear, boosting = fit_baselines(data, data.splits["test"])
    assert linear.notes == boosting.notes == ["fitted on 50 of 240 train rows"]
    assert linear.outputs is not None and linear.outputs.shape == (80, 2)


def test_a_baseline_that_fails_says_why_and_stops_nothing(monkeypatch):
    def broken(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(simple_models, "logistic", broken)
    data = class_rows(200)
    found = fit_baselines(data, data.splits["test"])
    assert [one.outputs is None for one in found] == [False, True, False]
    assert found[1].notes == ["could not be fitted: no room"]


def test_one_class_in_train_leaves_the_majority_only():
    data = class_rows(200)
    data.encoded = torch.zeros_like(data.encoded)
    found = fit_baselines(data, data.splits["test"])
    assert found[0].outputs is not None
    assert found[1].outputs is None and "could not be fitted" in found[1].notes[0]
