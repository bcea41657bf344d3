"""Rows of which nothing is wanted: pictures without class folders, arrays without targets."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import tilth as tl
from tests.cli.calling import call
from tests.stop_at import StopAt
from tilth.errors import UserError
from tilth.flow.phase import Interrupted

DIGITS = np.round(load_digits().images[:120] * (255 / 16)).astype(np.uint8)
SMALL = {"epochs": 2, "model_arguments": {"latents": 3, "layers": (16,)}, "quiet": True}


@pytest.fixture
def heap(tmp_path):
    """Pictures in one folder, beside a file of notes."""
    folder = tmp_path / "heap"
    folder.mkdir()
    for place, pixels in enumerate(DIGITS):
        Image.fromarray(pixels).save(folder / f"{place:03}.png")
    (folder / "about.csv").write_text("name,year\n000.png,1998\n")
    return folder


def test_what_is_read_is_the_pictures_and_no_target(heap):
    data = tl.images(heap)
    assert data.target.kind == "none" and data.target.labels == ()
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 84,
        "valid": 12,
        "calibrate": 6,
        "test": 18,
    }
    assert torch.equal(data.targets, torch.zeros(120, dtype=torch.int64))
    assert "one_class" not in [finding.code for finding in data.findings()]
    (told,) = [finding for finding in data.findings() if finding.code == "no_targets"]
    assert told.severity == "info" and "--labels" in told.fix
    assert [bad.item for bad in data.bad_items] == ["about.csv"]
    assert len(data.show(4).axes) == 4


def test_copies_are_found_without_targets_and_are_no_conflict(heap):
    (heap / "copy.png").write_bytes((heap / "000.png").read_bytes())
    codes = [finding.code for finding in tl.images(heap).findings()]
    assert any(code.startswith("duplicates") for code in codes)
    assert "label_conflict" not in codes


def test_the_fingerprint_is_of_the_contents(heap):
    before = tl.images(heap).fingerprint()
    assert tl.images(heap).fingerprint() == before
    Image.fromarray(DIGITS[1]).save(heap / "000.png")
    assert tl.images(heap).fingerprint() != before


def test_the_command_line_trains_checks_and_answers(heap, tmp_path):
    small = ["--epochs", "1", "--set", "model.arguments.latents=3", "--quiet", "--json"]
    code, said, told = call("train", heap, "--task", "autoencode", "-o", tmp_path / "run", *small)
    assert code == 0, told
    found = json.loads(said)
    assert found["task"] == "autoencode" and found["test"]["mse"] > 0
    assert tl.load(tmp_path / "run").encode([heap / "000.png"]).shape == (1, 3)
    assert tl.load(tmp_path / "run").encode(heap).shape == (120, 3)
    code, said, told = call("check", heap)
    assert code == 0 and "no_targets" in said
    findings = json.loads((tmp_path / "run" / "audit.json").read_text())["findings"]
    assert "no_targets" not in [one["code"] for one in findings]  # this task needs none
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "class folders, or name" not in card
    assert call("runs", tmp_path)[0] == 0
    assert repr(tl.Run.open(tmp_path / "run")).split(", ")[1] == "autoencode"


def test_without_a_task_it_is_refused_with_what_to_name(heap, tmp_path):
    code, _, told = call("train", heap, "-o", tmp_path / "run", "--epochs", "1")
    assert code == 2
    for part in ("no targets", "autoencode", "--task variational", "--labels"):
        assert part in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", [None, "classify", "regress", "control"])
@pytest.mark.parametrize("inputs", [DIGITS, DIGITS.reshape(120, 64).astype(float)])
def test_tasks_that_predict_are_refused(task, inputs):
    with pytest.raises(UserError, match=r"no targets.*variational"):
        tl.Learner(tl.arrays(inputs), task=task, quiet=True)


def test_how_targets_are_read_is_not_asked_where_there_are_none():
    with pytest.raises(UserError, match="without targets"):
        tl.arrays(DIGITS, task="regress")


def test_arrays_of_numbers_alone(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(160, 5))
    data = tl.arrays(numbers)
    assert data.model_arguments()["num_numbers"] == 5
    assert "the rows have no targets" in data.notes
    assert data.show(3).columns == ["x0", "x1", "x2", "x3", "x4"]
    assert not [one for one in data.findings() if one.severity == "error"]
    learner = tl.Learner(data, task="variational", run=tmp_path / "run", **SMALL)
    assert learner.data.store.take(torch.arange(2)).shape == (2, 5)
    run = learner.fit()
    assert run.audit()["target"]["kind"] == "none"
    assert tl.load(run.export()).encode(numbers[:4]).shape == (4, 3)


def test_a_killed_run_of_a_heap_ends_with_the_same_weights(heap, tmp_path):
    def learner(folder, **more):
        data = tl.images(heap)
        return tl.Learner(data, task="autoencode", run=tmp_path / folder, **SMALL, **more)

    whole = learner("whole").fit().learner.model.state_dict()
    with pytest.raises(Interrupted):
        learner("cut", hooks=[StopAt(3)]).fit()
    again = learner("cut", hooks=[StopAt(-1)])
    again.fit(resume=True)
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, whole[name]), name


def test_splits_that_folders_give_are_kept(heap, tmp_path):
    for split, names in (("train", range(80)), ("test", range(80, 120))):
        (tmp_path / "parts" / split).mkdir(parents=True)
        for name in names:
            (heap / f"{name:03}.png").rename(tmp_path / "parts" / split / f"{name:03}.png")
    data = tl.images(tmp_path / "parts")
    assert data.item_ids(data.splits["test"]) == [f"test/{name:03}.png" for name in range(80, 120)]
    assert all(name.startswith("train/") for name in data.item_ids(data.splits["valid"]))
    assert data.target.kind == "none"


def test_one_class_is_enough_for_a_task_that_does_not_look_at_it():
    data = tl.arrays(DIGITS, np.full(120, 3))
    assert tl.Learner(data, task="autoencode", **SMALL).task.name == "autoencode"
    with pytest.raises(UserError, match="one class, 3"):
        tl.Learner(data, quiet=True)
