"""What every task keeps to from data to bundle; its own test file has a LEARNER."""

from __future__ import annotations

import importlib
import json
import math
import re

import pytest
import torch

import tilth as tl
from tests.stop_at import StopAt
from tilth import registry
from tilth.errors import UserError
from tilth.flow.phase import Interrupted

NAMES = registry.names("tilth.tasks")


def learner_of(name, folder, **more):
    """Return a small learner of the task, as its own test file makes one.

    Number type and layout are given, so that two runs do not each measure which is the faster.
    """
    made = importlib.import_module(f"tests.tasks.test_{name}").LEARNER
    given = {"threads": 1, "dtype": "float32", "channels_last": False, "checkpoint_seconds": 1e9}
    return made(run=folder, quiet=True, device="cpu", **given, **more)


@pytest.fixture(scope="module", params=NAMES)
def trained(request, tmp_path_factory):
    """The name of a task, and a run of it that was trained, looked at and bundled."""
    folder = tmp_path_factory.mktemp(request.param)
    run = learner_of(request.param, folder / "run").fit()
    run.report()
    run.export()
    return request.param, run


def test_the_task_is_the_one_named(trained):
    name, run = trained
    assert run.learner.task.name == run.audit()["task"] == name


def test_it_states_its_metrics_and_they_are_measured(trained):
    _, run = trained
    task = run.learner.task
    assert task.main_metric in task.metrics
    found = run.learner.validate("valid")
    for name in task.metrics:
        assert math.isfinite(found[f"valid/{name}"])
        assert f"valid/{name}" in run.metrics[-1]


def test_the_look_holds_scores_beside_a_simple_way_and_what_was_not_checked(trained):
    _, run = trained
    found = run.audit()
    main = found["main_metric"]
    assert math.isfinite(found["test"][main]["value"])
    assert found["test_count"] == found["test_rows"]["count"] > 0
    assert any(math.isfinite(one["metrics"][main]["value"]) for one in found["baselines"])
    assert all(": " in line for line in found["not_checked"])
    assert found["headline"].startswith("On ")
    json.dumps(found, allow_nan=False)


def test_the_report_loads_nothing_and_has_every_section(trained):
    _, run = trained
    page = (run.path / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    for section in run.audit().get("sections", []):
        assert f'id="{section["anchor"]}"' in page


def test_its_bundle_holds_the_trained_weights(trained):
    _, run = trained
    opened = tl.load(run.path)
    kept = opened._model.state_dict()
    assert kept.keys() == run.learner.model.state_dict().keys()
    for name, value in run.learner.model.state_dict().items():
        assert torch.equal(kept[name], value), name


def test_the_card_asks_it_in_a_way_that_it_has(trained):
    _, run = trained
    card = (run.export() / "README.md").read_text()
    (way,) = re.findall(r"^\w+ = model\.(\w+)\(", card, re.MULTILINE)
    assert callable(getattr(tl.load(run.path), way))


def test_a_stopped_run_ends_with_the_weights_of_an_unbroken_one(trained, tmp_path):
    name, run = trained
    half = max(1, run.learner.plan.total_steps // 2)
    with pytest.raises(Interrupted):
        learner_of(name, tmp_path / "run", hooks=[StopAt(half)]).fit()
    again = learner_of(name, tmp_path / "run", hooks=[StopAt(-1)])
    again.fit(resume=True)
    for key, value in run.learner.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key


def test_what_it_does_not_know_is_refused(trained, tmp_path):
    name, _ = trained
    with pytest.raises(UserError, match="volume"):
        learner_of(name, tmp_path / "run", task_arguments={"volume": 11})
