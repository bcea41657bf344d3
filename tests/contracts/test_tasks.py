"""What every task keeps to; its own test file has its CASES, or a test is red."""

from __future__ import annotations

import importlib
import inspect
import json
import math
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn

from tilth import registry
from tilth.contracts import Batch
from tilth.data.dataset import Target
from tilth.tasks import Metric

ROWS = 60
ALL = registry.names("tilth.tasks")
NAMES = [name for name in ALL if registry.stated("tilth.tasks", name, "PIPELINES")]
"""Those that predict a target; what holds for every task is in test_whole_tasks.py."""
KINDS = get_args(get_type_hints(Target)["kind"])


def cases(name):
    """Return the examples in the task's own test file: name -> (target, targets, outputs)."""
    try:
        return importlib.import_module(f"tests.tasks.test_{name}").CASES
    except (ModuleNotFoundError, AttributeError):
        return {}


every_case = pytest.mark.parametrize(
    ("name", "make"),
    [pytest.param(t, make, id=f"{t}-{n}") for t in NAMES for n, make in cases(t).items()],
)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_case_here_and_plain_keywords(name):
    assert cases(name), f"tests/tasks/test_{name}.py needs CASES: (target, targets, outputs)"
    parameters = inspect.signature(registry.find("tilth.tasks", name)).parameters
    assert "target" in parameters
    for parameter in parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.name == "target" or parameter.default is not parameter.empty


def test_every_kind_of_target_has_one_task():
    stated = [registry.stated("tilth.tasks", name, "TARGET") for name in ALL]
    with_targets = [kind for kind in KINDS if kind != "none"]  # for rows alone a task is named
    assert sorted(kind for kind in stated if kind) == sorted(with_targets)


def build(name, target):
    return registry.build("tilth.tasks", name, {"target": target})


def guesses(task):
    """Return the outputs of a net that knows nothing."""
    return torch.randn(ROWS, task.outputs, generator=torch.Generator().manual_seed(5))


@every_case
def test_what_it_offers(name, make):
    target, _, _ = make()
    task = build(name, target)
    assert task.name == name and task.target is target and task.outputs >= 1
    assert task.main_metric in task.metrics
    for key, metric in task.metrics.items():
        assert isinstance(metric, Metric) and metric.name == key
        assert metric.mode in ("max", "min")


@every_case
def test_each_metric_prefers_who_knows(name, make):
    """The mode decides which weights are kept: a wrong one would keep the worst."""
    target, targets, known = make()
    task = build(name, target)
    good, bad = task.scores(known, targets), task.scores(guesses(task), targets)
    assert good.keys() == bad.keys() == task.metrics.keys()
    for key, metric in task.metrics.items():
        assert math.isfinite(good[key]) and math.isfinite(bad[key])
        assert (good[key] > bad[key]) == (metric.mode == "max"), key


@every_case
@pytest.mark.parametrize("rows", [1, 2, ROWS])
def test_shapes_of_predictions_truths_and_losses(name, make, rows):
    target, targets, _ = make()
    task = build(name, target)
    outputs, targets = guesses(task)[:rows], targets[:rows]
    found = task.decode(outputs)
    several = tuple(targets.shape[1:])
    wanted = (rows, task.outputs) if target.kind == "classes" else (rows, *several)
    assert found.values.shape == wanted and np.isfinite(found.values).all()
    assert found.answers.shape == task.truths(targets).shape == (rows, *several)
    losses = task.row_losses(outputs, targets)
    assert losses.shape == (rows,) and bool(losses.isfinite().all())


@every_case
def test_a_row_does_not_depend_on_the_others(name, make):
    target, targets, _ = make()
    task = build(name, target)
    outputs, order = guesses(task), torch.tensor([7, 2, 11])
    assert np.allclose(
        task.decode(outputs[order]).values, task.decode(outputs).values[order.numpy()]
    )
    picked = task.row_losses(outputs[order], targets[order])
    torch.testing.assert_close(picked, task.row_losses(outputs, targets)[order])


@every_case
def test_who_knows_is_right_and_loses_little(name, make):
    target, targets, known = make()
    task = build(name, target)
    assert np.allclose(task.decode(known).answers, task.truths(targets), rtol=1e-5)
    little = task.row_losses(known, targets)
    assert float(little.max()) < 1e-6 < float(task.row_losses(guesses(task), targets).mean())


@every_case
def test_row_losses_are_what_is_minimised(name, make):
    target, targets, _ = make()
    task = build(name, target)
    outputs = guesses(task)
    loss = task.objective()(nn.Identity(), Batch(outputs, targets, torch.arange(ROWS)), None)
    minimised = sum(term.weight * float(term.total) / term.count for term in loss.parts.values())
    assert minimised == pytest.approx(float(task.row_losses(outputs, targets).mean()), rel=1e-5)


@every_case
def test_a_bundle_s_words_make_the_same_task(name, make):
    target, targets, _ = make()
    config = json.loads(json.dumps({"task": name, "target": target.to_config()}))
    one, other = build(name, target), build(config["task"], Target.from_config(config["target"]))
    assert other.target == target
    outputs = guesses(one)
    assert one.scores(outputs, targets) == other.scores(outputs, targets)
    assert (one.main_metric, one.outputs) == (other.main_metric, other.outputs)
    assert list(one.metrics) == list(other.metrics)
