import json
import os
import threading
import tomllib
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from tilth import files
from tilth.errors import UserError
from tilth.train import run_folder
from tilth.train.run_folder import RunFolder, default_path

CONFIG = {"seed": 3, "data": {"path": "flowers", "fractions": [0.7, 0.15, 0.15]}}


def test_a_new_run_says_what_was_asked_and_where_it_runs(tmp_path):
    run = RunFolder.create(tmp_path / "a" / "run", config=CONFIG)
    assert tomllib.loads((run.path / "config.toml").read_text()) == CONFIG == run.config
    assert json.loads((run.path / "env.json").read_text())["seed"] == 3
    assert run.environment["versions"]["torch"] == torch.__version__
    assert run.status == "unfinished"
    assert RunFolder.open(run.path).config == CONFIG


def test_a_run_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "run"
    RunFolder.create(path, config=CONFIG).append_metrics({"step": 1})
    with pytest.raises(UserError) as caught:
        RunFolder.create(path, config={})
    message = str(caught.value)
    assert str(path) in message
    assert "--force" in message
    assert f"tilth resume {path}" in message
    assert RunFolder.open(path).metrics() == [{"step": 1}]
    again = RunFolder.create(path, config={"seed": 4}, force=True)
    assert again.metrics() == []
    assert again.config == {"seed": 4}


def test_force_never_deletes_what_is_not_a_run(tmp_path):
    (tmp_path / "config.toml").write_text("title = 'my site'")
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a run"):
        RunFolder.create(tmp_path, config=CONFIG, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    file = tmp_path / "thesis.txt"
    with pytest.raises(UserError, match="not a run"):
        RunFolder.create(file, config=CONFIG, force=True)


def test_an_empty_folder_may_become_a_run(tmp_path):
    assert RunFolder.create(tmp_path, config=CONFIG).config == CONFIG


def test_an_unusable_configuration_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match=r"data\.size is None"):
        RunFolder.create(tmp_path / "run", config={"data": {"size": None}})
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        RunFolder.create(tmp_path / "file" / "run", config=CONFIG)
    assert "cannot write the run to" in str(caught.value)
    assert "-o" in str(caught.value)


def test_a_read_only_folder_is_told(tmp_path, monkeypatch):
    def refuse(path, mode=0o777):  # the system itself does not refuse the administrator
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        RunFolder.create(tmp_path / "run", config=CONFIG)


def test_a_disk_that_fails_while_the_run_is_made_leaves_nothing(tmp_path, monkeypatch):
    def fail(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(UserError, match="No space left on device"):
        RunFolder.create(tmp_path / "run", config=CONFIG)
    assert not (tmp_path / "run").exists()


def test_of_runs_made_at_once_each_gets_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, together = [], threading.Barrier(8)

    def make():
        together.wait()
        made.append(RunFolder.create_default("flowers", config=CONFIG).path)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8
    assert all(RunFolder.open(path).config == CONFIG for path in made)


def test_of_two_that_find_the_same_place_free_one_gets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_make_way", lambda path, force: None)
    RunFolder.create(tmp_path / "run", config=CONFIG)
    with pytest.raises(UserError, match="holds a run already"):
        RunFolder.create(tmp_path / "run", config={})
    assert RunFolder.open(tmp_path / "run").config == CONFIG


def test_what_a_folder_in_the_way_says_holds_in_python_and_on_the_command_line(tmp_path):
    folder = RunFolder.create(tmp_path / "run", config=CONFIG)
    again = r"Fix: resume=True \(tilth resume .*run\) goes on with it, "
    others = r"force=True \(--force\) replaces it, run= \(-o\) names another"
    with pytest.raises(UserError, match=r"\(unfinished\).*" + again + others):
        RunFolder.check_free(folder.path)
    folder.mark_done({})
    with pytest.raises(UserError, match=r"\(trained, not looked at yet\).*" + again + others):
        RunFolder.check_free(folder.path)
    (folder.path / "audit.json").write_text("{}")
    with pytest.raises(UserError, match=r"\(done\).*Fix: " + others):  # nothing to go on with
        RunFolder.check_free(folder.path)


def test_default_names_hold_the_data_and_the_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    now = datetime(2030, 12, 31, 23, 59, 58, tzinfo=UTC)
    path = default_path("../my flowers.csv", now=now)
    assert path.as_posix() == "runs/my-flowers.csv-20301231-235958"
    path.mkdir(parents=True)
    assert default_path("my flowers.csv", now=now).name.endswith("-235958-2")


def test_metrics_come_back_as_plain_numbers(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    run.append_metrics({"step": np.int64(2), "loss": torch.tensor(0.5), "lr": np.float32(0.25)})
    run.append_metrics({"step": 3, "loss": float("nan"), "each": [float("inf"), 1.0]})
    expected = [
        {"step": 2, "loss": 0.5, "lr": 0.25},
        {"step": 3, "loss": None, "each": [None, 1.0]},
    ]
    assert run.metrics() == expected
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == expected


@pytest.mark.parametrize("cut", [1, 5, 13])
def test_a_line_cut_short_by_a_kill_is_dropped_and_not_glued_to_the_next(tmp_path, cut):
    run = RunFolder.create(tmp_path / "run", config={})
    for step in (1, 2):
        run.append_metrics({"step": step, "x": 0})
    path = run.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    resumed = RunFolder.open(run.path)
    assert resumed.metrics() == [{"step": 1, "x": 0}]
    resumed.append_metrics({"step": 2, "x": 9})
    assert resumed.metrics() == [{"step": 1, "x": 0}, {"step": 2, "x": 9}]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    path = run.path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\x00\n[1]\n{"step": 3}\n')
    with pytest.warns(UserWarning, match=r"line [23] is damaged") as caught:
        assert run.metrics() == [{"step": 1}, {"step": 3}]
    assert len(caught) == 2


def test_a_resumed_run_drops_what_it_will_write_again(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    for step in range(1, 6):
        run.append_metrics({"step": step})
    run.write_metrics([record for record in run.metrics() if record["step"] <= 3])
    run.append_metrics({"step": 4})
    assert [record["step"] for record in run.metrics()] == [1, 2, 3, 4]


def test_status_and_outcome(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    assert run.outcome == {}
    run.mark_failed(ValueError("loss is nan"))
    assert run.status == "failed"
    assert run.outcome["error"] == "ValueError"
    assert run.outcome["message"] == "loss is nan"
    run.mark_resumed()
    assert run.status == "unfinished"
    run.mark_failed(ValueError("again"))
    run.mark_done({"accuracy": np.float64(0.75), "auc": float("nan")})
    assert run.status == "done"
    assert not (run.path / "FAILED").exists()
    assert (run.outcome["accuracy"], run.outcome["auc"]) == (0.75, None)


def test_records_are_written_whole_and_read_back(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    run.write_record("data", {"splits": {"train": [1, 2]}})
    assert run.read_record("data") == {"splits": {"train": [1, 2]}}
    with pytest.raises(UserError, match=r"has no audit\.json"):
        run.read_record("audit")
    with pytest.raises(UserError, match="record 'dta'"):
        run.write_record("dta", {})


def test_opening_what_is_no_run_proposes_one_that_is(tmp_path):
    RunFolder.create(tmp_path / "flowers-1", config={})
    with pytest.raises(UserError, match=r"did you mean .*flowers-1"):
        RunFolder.open(tmp_path / "flower-1")
    with pytest.raises(UserError, match="is not a run"):
        RunFolder.open(tmp_path)


def test_damaged_files_are_named(tmp_path):
    run = RunFolder.create(tmp_path / "run", config={})
    for name, content, look in [
        ("config.toml", "a = ", lambda: run.config),
        ("env.json", "[]", lambda: run.environment),
        ("DONE", "{", lambda: run.outcome),
    ]:
        (run.path / name).write_text(content)
        with pytest.raises(UserError, match=name):
            look()


def test_every_name_a_run_uses_is_where_the_documentation_says(tmp_path):
    run = RunFolder(tmp_path)
    assert [run.checkpoints.name, run.model.name, run.report.name] == [
        "checkpoints",
        "model",
        "report.html",
    ]
    for name in (run_folder.CONFIG, run_folder.ENVIRONMENT, run_folder.METRICS):
        assert name in run_folder.__doc__
