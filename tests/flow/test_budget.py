"""``minutes``: planned from whole steps, held by a clock; and what several phases add up to."""

import numpy as np
import pytest

import tilth as tl
from tilth.contracts import BaseHook
from tilth.flow import learner as module
from tilth.flow.plan import make_plan, within_minutes
from tilth.tasks._choice import build_for
from tilth.train import deadline
from tilth.train.pace import Pace


@pytest.fixture(scope="module")
def rows():
    inputs = np.random.default_rng(0).normal(size=(200, 2))
    return tl.arrays(inputs, inputs[:, 0] > 0)


def make(rows, folder, **more):
    usual = {"epochs": 3, "batch_size": 14, "dtype": "float32", "channels_last": False}
    return tl.Learner(rows, run=folder, device="cpu", quiet=True, **{**usual, **more})


def planned(rows, minutes, pace):
    task = build_for("classes", {"target": rows.target})
    plan = make_plan(rows, task, module.TrainSettings(epochs=9, batch_size=14), device="cpu")
    assert plan.steps_per_epoch == 10
    return within_minutes(plan, minutes, pace)


@pytest.mark.parametrize(
    ("minutes", "pace", "epochs", "steps"),
    [
        (1.0, Pace(0.5, 0.0), 9, 90),  # 11 epochs would fit: never lengthened
        (0.5, Pace(0.5, 0.0), 5, 50),  # six would fill the 30 s; 1.5 s are kept back
        (0.5, Pace(0.5, 2.5), 3, 30),  # an epoch takes 7.5 s with its look
        (0.1, Pace(0.5, 2.0), 1, 7),  # not one epoch: 3.7 s are left beside the look
        (0.01, Pace(5.0, 9.0), 1, 1),
    ],
)
def test_a_plan_is_cut_to_what_fits(rows, minutes, pace, epochs, steps):
    plan = planned(rows, minutes, pace)
    assert (plan.epochs, plan.total_steps) == (epochs, steps)
    assert ("epochs" in plan.reasons) == (epochs < 9)


def test_whole_steps_are_measured_once_and_the_plan_says_so(rows, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "measure_pace", lambda *_: calls.append(1) or Pace(1.5, 0.0))
    learner = make(rows, tmp_path / "run", minutes=0.1)
    learner.find_lr()
    run = learner.fit()
    assert len(calls) == 1
    assert run.folder.outcome["steps"] == 3  # 5.7 s
    assert "1500.0 ms a step" in run.folder.config["phase"][0]["reasons"]["epochs"]
    assert learner.describe()["epochs"] == "part of one: 3 of 10 steps"


class Slow(BaseHook):
    """Every step takes 2 s by the clock of the budget."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(deadline.time, "monotonic", lambda: self.now)

    def after_step(self, loop):
        self.now += 2.0


def test_a_clock_stops_what_takes_longer_and_the_best_weights_are_back(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "measure_pace", lambda *_: Pace(1e-6, 0.0))
    learner = make(rows, tmp_path / "run", minutes=0.5, hooks=[Slow(monkeypatch)])
    run = learner.fit()
    assert "time budget of 0.5 min" in run.folder.outcome["stopped"]
    assert [line["step"] for line in run.metrics] == [10, 15]  # the end of an epoch, the stop
    best = max(run.metrics, key=lambda line: (line["valid/auc"], line["step"]))
    assert run.folder.outcome["best_step"] == best["step"]
    assert learner.validate()["valid/auc"] == best["valid/auc"]


def test_without_a_budget_no_clock_is_watched(rows, tmp_path, monkeypatch):
    run = make(rows, tmp_path / "run", hooks=[Slow(monkeypatch)]).fit()
    assert run.folder.outcome["steps"] == 30


def test_phases_add_up(rows, tmp_path):
    learner = make(rows, tmp_path / "run")
    learner.fit(1)
    run = learner.fit(2)
    train = len(rows.splits["train"])
    outcome = run.folder.outcome
    assert (outcome["steps"], outcome["samples"]) == (30, 3 * train)
    seconds = {line["phase"]: line["seconds"] for line in run.metrics}
    assert outcome["seconds"] == pytest.approx(sum(seconds.values()))
    found = run.audit()["training"]
    assert found["samples_per_second"] == pytest.approx(3 * train / outcome["seconds"])
