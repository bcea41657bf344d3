"""Runs side by side: paired where they can be, refused where the test rows differ."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.audit.stand_ins import (
    class_rows,
    nearest_centre,
    number_rows,
    outputs_of,
    training,
    write_run,
)
from tilth.audit.compare import as_text, compare
from tilth.audit.examine import examine
from tilth.errors import UserError
from tilth.tasks.classify import classify
from tilth.tasks.regress import regress


def class_run(folder, data, *, sharpness=4.0, noise=0.0, metrics=()):
    generator = np.random.default_rng(0)
    fair = nearest_centre(data, sharpness=sharpness)

    def answer(rows):
        logits = fair(rows)
        return logits + noise * generator.normal(size=logits.shape)

    found = examine(data, classify(target=data.target, metrics=metrics), outputs_of(data, answer))
    return write_run(folder, {**found, "training": training()}, data)


@pytest.mark.parametrize("labels", [("no", "yes"), ("ape", "bee", "cow")])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "f1_macro", "balanced_accuracy"])
def test_the_difference_is_that_of_the_two_scores(tmp_path, labels, metric):
    data = class_rows(600, labels, noise=2.0)
    runs = [
        class_run(tmp_path / "a", data, metrics=[metric]),
        class_run(tmp_path / "b", data, noise=6.0, metrics=[metric]),
    ]
    found = compare(runs)
    values = [entry["test"][metric]["value"] for entry in found["runs"]]
    gap = found["differences"][0]
    sign = -1 if metric == "log_loss" else 1
    assert gap["value"] == pytest.approx(sign * (values[1] - values[0]), abs=1e-6)
    assert gap["low"] < gap["value"] < gap["high"]
    assert gap["verdict"] == "worse"
    assert found["test"]["sha256"] == data.split_record("test")["sha256"]


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_numbers_are_compared_too(tmp_path, metric):
    data = number_rows(500)
    truth = data.encoded.numpy()
    noise = np.random.default_rng(0).normal(size=len(truth))
    task = regress(target=data.target, metrics=[metric])
    runs = []
    for name, size in (("a", 0.5), ("b", 0.3), ("c", 0.5)):
        outputs = outputs_of(data, lambda rows, s=size: truth[rows] + s * noise[rows])
        runs.append(write_run(tmp_path / name, examine(data, task, outputs), data))
    better, same = compare(runs)["differences"]
    assert better["verdict"] == "better" and better["value"] > 0
    assert (same["value"], same["low"], same["high"]) == (0.0, 0.0, 0.0)
    assert same["verdict"] == "no clear difference"


def test_auc_is_paired_from_the_stored_scores(tmp_path):
    data = class_rows(500, noise=2.0)
    runs = [
        class_run(tmp_path / "a", data, metrics=["auc"]),
        class_run(tmp_path / "b", data, noise=6.0, metrics=["auc"]),
    ]
    gap = compare(runs)["differences"][0]
    assert (
        gap["metric"] == "auc" and gap["verdict"] == "worse" and gap["method"] == "paired bootstrap"
    )


def test_different_test_rows_are_refused(tmp_path):
    first = class_run(tmp_path / "a", class_rows(300))
    second = class_run(tmp_path / "b", class_rows(300, seed=1))
    with pytest.raises(UserError, match="tested on different rows"):
        compare([first, second])
    for run in (first, second):
        (run / "data.json").unlink()
    with pytest.raises(UserError, match="tested on different rows"):
        compare([first, second])


def test_different_targets_are_refused(tmp_path):
    first = class_run(tmp_path / "a", class_rows(300))
    second = class_run(tmp_path / "b", class_rows(300, ("no", "maybe")))
    with pytest.raises(UserError, match="predict different things: labels"):
        compare([first, second])


def test_changed_labels_of_the_same_rows_are_refused(tmp_path):
    data = class_rows(300)
    first = class_run(tmp_path / "a", data)
    data.encoded = data.encoded.clone()
    data.encoded[int(data.splits["test"][0])] = 1 - data.encoded[int(data.splits["test"][0])]
    second = class_run(tmp_path / "b", data)
    with pytest.raises(UserError, match="1 test rows have another label"):
        compare([first, second])


def pictures_with(task, count=80):
    """Return pictures and what is wanted of each: labels, points, or classes of a second set."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 255, (count, 16, 16), dtype=np.uint8)
    if task == "keypoints":
        return pixels, draw.integers(1, 7, (count, 2, 2)).astype(np.float64)
    return pixels, draw.integers(0, 2, (count, 3) if task == "multilabel" else count)


def trained(task, pixels, wanted, folder):
    import tilth as tl

    if task == "adapt":
        onto = tl.arrays(255 - pixels, wanted, splits={"train": range(60), "test": range(60, 80)})
        data = tl.domains(tl.arrays(*pictures_with(task)), onto)
        given = {"width": 4, "hidden": 8}
    else:
        data, given = tl.arrays(pixels, wanted, task=task), {"width": 4}
    more = {"epochs": 1, "lr": 0.01, "quiet": True, "run": folder, "dtype": "float32"}
    run = tl.Learner(data, task=task, model_arguments=given, batch_size=16, **more).fit()
    run.audit()
    return run


@pytest.mark.parametrize("task", ["multilabel", "keypoints", "adapt"])
def test_a_mended_truth_is_refused_where_runs_keep_no_truths(tmp_path, task):
    pixels, wanted = pictures_with(task)
    first = trained(task, pixels, wanted, tmp_path / "first")
    data = first.learner.data
    row = int(data.sides("test")[1][0] if task == "adapt" else data.splits["test"][0])
    mended = wanted.copy()
    mended[row] = 7 - wanted[row] if task == "keypoints" else 1 - wanted[row]
    second = trained(task, pixels, mended, tmp_path / "second")
    with pytest.raises(UserError, match="a test row or more has another label"):
        compare([first.path, second.path])
    assert compare([first.path, first.path])["differences"][0]["value"] == 0
    audit = json.loads((second.path / "audit.json").read_text())
    del audit["test_rows"]["truths"]  # a run of an earlier version
    (second.path / "audit.json").write_text(json.dumps(audit))
    assert compare([first.path, second.path])["differences"][0]["low"] is not None


def test_one_run_is_nothing_to_compare(tmp_path):
    with pytest.raises(UserError, match="at least two"):
        compare([class_run(tmp_path / "a", class_rows(300))])
    with pytest.raises(UserError, match="there is no folder"):
        compare([tmp_path / "a", tmp_path / "none"])


def test_a_metric_that_rows_do_not_carry_is_told_without_an_interval(tmp_path):
    def own(chances, classes):
        return float(chances.max())

    data = class_rows(300)
    runs = [class_run(tmp_path / name, data, metrics=[own]) for name in "ab"]
    gap = compare(runs)["differences"][0]
    assert gap["value"] == 0.0 and gap["low"] is None
    assert "do not keep what a paired interval of own takes" in gap["note"]
    assert re.search(r"\+0 +runs do not keep what a paired interval", as_text(compare(runs)))


def test_runs_that_scored_different_parts_are_told(tmp_path):
    data = class_rows(300)
    runs = [class_run(tmp_path / name, data) for name in "ab"]
    audit = json.loads((runs[1] / "audit.json").read_text())
    audit["test_rows"]["sha256"] = "other"
    (runs[1] / "audit.json").write_text(json.dumps(audit))
    gap = compare(runs)["differences"][0]
    assert gap["low"] is None and "different parts" in gap["note"]


def test_the_text_names_every_run_and_lines_up(tmp_path):
    data = class_rows(500, noise=2.0)
    runs = [class_run(tmp_path / "a", data), class_run(tmp_path / "longer name", data, noise=20.0)]
    text = as_text(compare(runs))
    assert max(map(len, text.splitlines())) <= 100
    said, scores, more, costs = (part.splitlines() for part in text.split("\n\n"))
    assert said == ["100 test rows, the same for all"]
    place = scores[0].index("Accuracy")
    for line, run in zip(scores[1:], runs, strict=True):
        assert line[place - 1] == " " and line[place] != " "
        assert line.split("  ")[0].endswith(str(run)[-8:])
    assert scores[0].endswith("better than the first, points")
    assert re.search(r"  -\d+\.\d\d \(-\S+ to -\S+\) +clearly worse$", scores[2])
    assert re.split(r"  +", more[0])[1] == "Balanced accuracy"
    assert all("small_resnet" in line and "1,234,567" in line for line in costs[1:])
    assert costs[1].endswith("41.2 s")


def test_a_difference_whose_interval_holds_zero_is_not_called_better(tmp_path):
    data = class_rows(300, noise=2.0)
    runs = [class_run(tmp_path / name, data) for name in "ab"]
    text = as_text(compare(runs))
    assert "too close to call" in text
    assert "clearly" not in text


def test_runs_that_give_rows_back_are_compared_row_by_row(tmp_path):
    import tilth as tl

    rows = np.random.default_rng(0).normal(size=(200, 4))
    folders, errors = [], []
    for latents in (1, 3):
        given = {"latents": latents, "layers": ()}
        more = {"epochs": 30, "lr": 0.02, "quiet": True, "run": tmp_path / str(latents)}
        learner = tl.Learner(tl.arrays(rows), task="autoencode", model_arguments=given, **more)
        run = learner.fit()
        errors.append(run.audit()["test"]["mse"]["value"])
        folders.append(run.path)
    found = compare(folders)
    (gap,) = found["differences"]
    assert gap["value"] == pytest.approx(errors[0] - errors[1], rel=1e-5)
    assert gap["low"] < gap["value"] < gap["high"] and gap["verdict"] == "better"


def asked(folder, data, name, **arguments):
    """Write a run of a task that predicts no target."""
    class_run(folder, data)
    config = (folder / "config.toml").read_text()
    given = "".join(f"{key} = {json.dumps(value)}\n" for key, value in arguments.items())
    told = f'\n[task]\nname = "{name}"\n\n[task.arguments]\n{given}'
    (folder / "config.toml").write_text(config + told)
    return folder


def test_runs_of_different_questions_are_refused_and_ways_to_learn_one_are_not(tmp_path):
    data = class_rows(100)
    text = asked(tmp_path / "text", data, "restore", worse="covered")
    noise = asked(tmp_path / "noise", data, "restore", worse="noisy")
    smaller = asked(tmp_path / "smaller", data, "restore")
    style = asked(tmp_path / "style", data, "style", picture="a.png")
    other_style = asked(tmp_path / "other", data, "style", picture="b.png")
    with pytest.raises(UserError, match="restore's worse 'covered' and 'noisy'"):
        compare([text, noise])
    with pytest.raises(UserError, match="restore's worse 'covered' and 'smaller'"):
        compare([text, smaller])
    with pytest.raises(UserError, match="task 'restore' and 'style'"):
        compare([text, style])
    with pytest.raises(UserError, match=r"style's picture 'a\.png' and 'b\.png'"):
        compare([style, other_style])
    critic = asked(tmp_path / "critic", data, "restore", worse="covered", critic_weight=0.01)
    assert compare([text, critic])["differences"][0]["verdict"] == "no clear difference"
    named = asked(tmp_path / "named", data, "classify")
    assert compare([named, class_run(tmp_path / "unnamed", data)])["differences"]
