"""The audit of a model: every number against a direct computation, all of it JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.audit.stand_ins import (
    Pictures,
    class_rows,
    nearest_centre,
    number_rows,
    outputs_of,
)
from tilth.audit.examine import examine
from tilth.audit.row_records import unpack
from tilth.data.dataset import BadItem, Finding
from tilth.errors import UserError
from tilth.tasks import score
from tilth.tasks.classify import classify
from tilth.tasks.regress import regress


def audited(data, task, answer, **options):
    found = examine(data, task, outputs_of(data, answer), **options)
    return json.loads(json.dumps(found, allow_nan=False))


@pytest.fixture(scope="module")
def three_classes():
    data = class_rows(600, ("ape", "bee", "cow"), noise=2.0)
    return data, audited(data, classify(target=data.target), nearest_centre(data, sharpness=30.0))


def test_scores_are_those_of_the_task_after_temperature(three_classes):
    data, found = three_classes
    task = classify(target=data.target)
    test = outputs_of(data, nearest_centre(data, sharpness=30.0))["test"]
    temperature = found["temperature"]["value"]
    assert found["temperature"]["why"] == "fitted on 60 rows"
    assert temperature > 3  # the sharpness was chosen far too high
    direct = score(task, test.outputs, test.targets, temperature)
    assert {name: one["value"] for name, one in found["test"].items()} == pytest.approx(direct)
    assert found["main_metric"] == "accuracy" and found["test_count"] == 120
    assert found["metrics"]["log_loss"]["mode"] == "min"
    logits, chosen = test.outputs.numpy(), test.targets.numpy()
    assert found["errors"] == int((logits.argmax(axis=1) != chosen).sum()) > 5


def test_the_temperature_mends_the_calibration(three_classes):
    _, found = three_classes
    before, after = found["calibration"]["before"], found["calibration"]["after"]
    assert before["temperature"] == 1.0 and after["temperature"] == found["temperature"]["value"]
    assert after["ece"] < before["ece"] / 2 and after["nll"] < before["nll"]


def test_the_worst_errors_are_wrong_and_sorted_and_the_least_certain_are_unsure(three_classes):
    data, found = three_classes
    losses = [one["loss"] for one in found["worst"]]
    assert losses == sorted(losses, reverse=True)
    assert all(one["wrong"] and one["true"] != one["predicted"] for one in found["worst"])
    for one in found["worst"]:
        row = int(one["item"].removeprefix("row "))
        assert one["true"] == data.target.labels[int(data.encoded[row])]
        assert one["chance_true"] == pytest.approx(np.exp(-one["loss"]), abs=1e-9)
        assert one["row"]["column 0"] == pytest.approx(float(data.features[row, 0]))
    chances = [one["chance_predicted"] for one in found["least_certain"]]
    assert chances == sorted(chances) and len(chances) == 12


def test_splits_say_their_classes(three_classes):
    data, found = three_classes
    for name, rows in data.splits.items():
        counts = np.bincount(data.encoded.numpy()[rows], minlength=3)
        assert found["splits"][name] == {"rows": len(rows), "classes": counts.tolist()}


def test_baselines_have_the_same_metrics_and_a_verdict(three_classes):
    _, found = three_classes
    assert [one["name"] for one in found["baselines"]] == ["majority", "linear", "boosting"]
    for one in found["baselines"]:
        assert set(one["metrics"]) == set(found["test"])
        gap = found["test"]["accuracy"]["value"] - one["metrics"]["accuracy"]["value"]
        assert one["difference"]["value"] == pytest.approx(gap)
    assert found["baselines"][0]["difference"]["verdict"] == "better"
    assert "operating" not in found


def test_stored_rows_give_the_scores_again(three_classes):
    data, found = three_classes
    rows = unpack(found["test_rows"])
    accuracy = (rows["answers"] == rows["truths"]).mean()
    assert accuracy == pytest.approx(found["test"]["accuracy"]["value"])
    assert rows["losses"].mean() == pytest.approx(found["test"]["log_loss"]["value"], rel=1e-6)
    assert found["test_rows"]["sha256"] == data.split_record("test")["sha256"]


def test_two_classes_have_auc_and_thresholds():
    data = class_rows(500, ("no", "yes"), noise=2.0)
    found = audited(data, classify(target=data.target, metrics=["auc"]), nearest_centre(data))
    assert found["main_metric"] == "auc"
    assert found["operating"]["positive"] == "yes"
    assert len(found["operating"]["points"]) == 9
    assert found["operating"]["roc"]["recall"][-1] == 1.0
    assert "scores" in found["test_rows"]["arrays"]


def test_numbers_are_in_the_units_of_the_target():
    data = number_rows(800)
    shift = 0.3

    def answer(rows):
        return data.encoded.numpy()[rows] + shift

    found = audited(data, regress(target=data.target), answer)
    scale = data.target.scale
    assert found["test"]["rmse"]["value"] == pytest.approx(shift * scale, rel=1e-4)
    assert found["regression"]["bias"] == pytest.approx(shift * scale, rel=1e-4)
    assert found["regression"]["coverage"]["half_width"] == pytest.approx(shift * scale, rel=1e-4)
    assert [one["name"] for one in found["baselines"]] == ["mean", "linear", "boosting"]
    assert found["worst"][0]["error"] == pytest.approx(shift * scale, rel=1e-4)
    assert found["splits"]["train"]["mean"] == pytest.approx(data.target.mean, abs=1e-4)
    assert "confusion" not in found and "calibration" not in found


def test_outputs_of_one_column_are_numbers_too():
    data = number_rows(200)
    flat = audited(data, regress(target=data.target), lambda rows: data.features[rows, 0])
    column = audited(data, regress(target=data.target), lambda rows: data.features[rows, :1])
    assert flat["test"] == column["test"]


def test_what_the_data_says_of_itself_is_kept():
    data = class_rows(200)
    data.notes = ["two classes, from the column kind"]
    data.found = [Finding("tiny", "warning", "the set is tiny", "collect more", ("row 1",))]
    data.bad_items = [BadItem(f"file {i}", "truncated" if i else "empty") for i in range(150)]
    found = audited(data, classify(target=data.target), nearest_centre(data))
    assert found["notes"] == data.notes
    assert found["findings"][0]["items"] == ["row 1"]
    assert found["bad_items"]["count"] == 150 and len(found["bad_items"]["items"]) == 100
    assert found["bad_items"]["reasons"] == {"truncated": 149, "empty": 1}
    assert any(line.startswith("Groups:") for line in found["not_checked"])


def test_labels_that_train_lacks_are_left_out_and_said():
    data = class_rows(300)
    rows = data.splits["test"]
    data.encoded = data.encoded.clone()
    data.encoded[torch.from_numpy(rows[:7])] = -1
    found = audited(data, classify(target=data.target), nearest_centre(data))
    assert found["test_count"] == len(rows) - 7
    assert found["notes"][-1].startswith("7 test rows have a label that train does not hold")
    data.encoded[torch.from_numpy(rows)] = -1
    with pytest.raises(UserError, match="no test row can be scored"):
        audited(data, classify(target=data.target), nearest_centre(data))


def test_without_a_calibrate_fold_the_reason_is_said():
    data = class_rows(200)
    outputs = outputs_of(data, nearest_centre(data))
    del outputs["calibrate"]
    found = examine(data, classify(target=data.target), outputs)
    assert found["temperature"] == {"value": 1.0, "why": "not fitted: there is no calibrate fold"}
    assert any(line.startswith("Calibration:") for line in found["not_checked"])
    numbers = number_rows(200)
    outputs = outputs_of(numbers, lambda rows: np.zeros(len(rows)))
    del outputs["calibrate"]
    found = examine(numbers, regress(target=numbers.target), outputs)
    assert found["regression"]["coverage"]["half_width"] is None


def test_pictures_come_as_pictures_and_a_seed_repeats():
    data = class_rows(200, kind=Pictures, noise=3.0)
    task = classify(target=data.target)
    first, again = (audited(data, task, nearest_centre(data), seed=3) for _ in range(2))
    assert first["worst"] and all(one["png"] for one in first["worst"])
    for found in (first, again):
        for one in found["baselines"]:
            one.pop("seconds")
    assert first == again


def test_a_users_own_metric_is_judged_too():
    data = class_rows(200)

    def caught(chances, classes):
        return float(chances[np.arange(len(classes)), classes].mean())

    found = audited(data, classify(target=data.target, metrics=[caught]), nearest_centre(data))
    assert found["main_metric"] == "caught"
    assert found["metrics"]["caught"]["explanation"] == "a metric of your own"
    assert found["test"]["caught"]["low"] < found["test"]["caught"]["value"]
