"""The command line as a person uses it: verbs, JSON, exit codes, messages."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.cli.calling import FAST, call


def test_train_ends_with_one_json_object(trained):
    folder, found = trained
    assert found["task"] == "classify"
    assert found["model"] == "mlp"
    assert found["run"] == str(folder)
    assert set(found["baseline"]) == set(found["test"]) >= {"accuracy"}
    assert found["seconds"] > 0
    low, high = found["interval"]
    assert low <= found["test"][found["main_metric"]] <= high


def test_a_run_has_the_files_that_are_promised(trained):
    folder, found = trained
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "config.toml",
        "env.json",
        "data.json",
        "metrics.jsonl",
        "checkpoints",
        "report.html",
        "model",
        "DONE",
        "audit.json",
    }
    bundle = {path.name for path in (folder / "model").iterdir()}
    assert bundle >= {
        "model.safetensors",
        "config.json",
        "preprocessor_config.json",
        "labels.json",
        "README.md",
        "manifest.json",
    }
    assert found["bundle"] == str(folder / "model")


def test_folds_do_not_part_groups(table):
    code, _, err = call("train", table, "--target", "price", "--group", "rooms", "--folds", "3")
    assert code == 2
    assert "--group" in err


def test_a_table_is_regressed_and_predicted(table, tmp_path):
    code, out, err = call(
        "train",
        table,
        "--target",
        "price",
        "-o",
        tmp_path / "run",
        "--json",
        "--epochs",
        "30",
        "--lr",
        "0.02",
    )
    found = json.loads(out)
    assert code == 0
    assert found["task"] == "regress"
    assert found["main_metric"] == "rmse"
    assert found["test"]["r2"] > 0.8
    assert "houses.csv" in err
    code, out, _ = call("predict", tmp_path / "run", table, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    truth = pl.read_csv(table)["price"].to_numpy()
    error = np.array([answer["prediction"] for answer in answers]) - truth
    assert np.sqrt((error**2).mean()) < truth.std() / 2


def test_export_copies_the_bundle_once(trained, tmp_path):
    folder, _ = trained
    assert call("export", folder, tmp_path / "bundle")[0] == 0
    code, _, err = call("export", folder, tmp_path / "bundle")
    assert code == 2
    assert "--force" in err
    assert call("export", folder, tmp_path / "bundle", "--force")[0] == 0


def test_report_is_made_again_from_the_run_alone(trained):
    folder, _ = trained
    (folder / "report.html").unlink()
    assert call("report", folder)[0] == 0
    assert "<html" in (folder / "report.html").read_text(encoding="utf-8")


def test_runs_compare_and_refusal_of_other_test_rows(trained, pictures, tmp_path):
    folder, _ = trained
    second = folder.parent / "second"
    third = folder.parent / "third"
    common = ["--model", "mlp", *FAST, "-q"]
    assert call("train", pictures, "-o", second, "--seed", "1", *common)[0] == 0
    assert call("train", pictures, "-o", third, "--split-seed", "1", *common)[0] == 0
    code, out, _ = call("runs", folder.parent, "--json")
    listed = {entry["run"]: entry["status"] for entry in json.loads(out)["runs"]}
    assert listed[str(second)] == "done"
    code, out, _ = call("compare", folder, second)
    assert code == 0
    assert "second" in out
    code, _, err = call("compare", folder, third)
    assert code == 2
    assert "test" in err


def test_check_exits_with_1_where_something_must_be_mended(pictures, tmp_path):
    assert call("check", pictures)[0] == 0
    one = tmp_path / "one"
    (one / "only").mkdir(parents=True)
    for number in range(8):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(one / "only" / f"{number}.png")
    code, out, err = call("check", one)
    assert (code, err) == (1, "")
    assert "class" in out


def test_init_writes_a_configuration_that_trains(table, tmp_path):
    code, out, _ = call("init", table, "--target", "price")
    path = tmp_path / "tilth.toml"
    path.write_text(out)
    assert code == 0
    code, out, _ = call(
        "train",
        path,
        "--set",
        "train.epochs=2",
        "--set",
        "train.lr=0.01",
        "-o",
        tmp_path / "run",
        "--json",
        "-q",
    )
    assert code == 0
    assert json.loads(out)["task"] == "regress"
    assert ">>>" not in path.read_text()
    assert 'path = "' in (tmp_path / "run" / "config.toml").read_text()


def test_repeats_and_folds_give_mean_and_spread(table, tmp_path):
    common = ["--target", "price", "--epochs", "2", "--lr", "0.02", "--json", "-q"]
    _, out, _ = call("train", table, "-o", tmp_path / "r", "--repeats", "2", *common)
    repeated = json.loads(out)
    assert repeated["repeats"] == len(repeated["runs"]) == 2
    assert repeated["test_sd"]["rmse"] > 0
    _, out, _ = call("train", table, "-o", tmp_path / "f", "--folds", "3", *common)
    folded = json.loads(out)
    assert folded["folds"] == len(folded["runs"]) == 3


def test_doctor_lists_versions_and_models():
    code, out, _ = call("doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert "small_resnet" in found["offers"]["models"]
    assert found["devices"]["cpu"] == "works"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian", "x"], "did you mean 'train'?"),
        (["train", "x", "--epohcs", "3"], "did you mean '--epochs'?"),
        (["train"], "missing argument 'PATH'. Fix: tilth train --help"),
        (["train", "x", "--epochs", "two"], "'two' is not a valid integer. Fix: tilth train"),
        (["train", "no/such/folder"], "there is nothing at 'no/such/folder'"),
        (["train", "TABLE"], "--target"),
        (["train", "TABLE", "--target", "prize"], "did you mean 'price'"),
        (
            ["train", "TABLE", "--target", "price", "--set", "train.epoch=3"],
            "did you mean 'train.epochs'",
        ),
        (["train", "TABLE", "--target", "price", "--set", "foo"], "as in --set train.epochs=5"),
        (["init", "nope"], "there is nothing at 'nope'"),
        (["init", "TABLE"], "no target was named; the column to predict has to be said"),
        (["init", "TABLE", "--target", "price", "--task", "sing"], "unknown task 'sing'"),
        (["train", "TABLE", "--target", "price", "--model", "two_conv"], "two_conv for tables"),
        (["train", "TABLE", "--target", "price", "--set", "train.epochs=many"], "must be int"),
        (["train", "TABLE", "--target", "price", "--epochs", "0"], "at least 1"),
        (["train", "TABLE", "--target", "price", "--model", "tabular"], "did you mean"),
        (["train", "TABLE", "--target", "price", "--device", "cudda"], "did you mean 'cuda'"),
        (["train", "TABLE", "--target", "price", "--batch-size", "999"], "batch_size=999"),
        (["predict", "no/run", "TABLE"], "there is no folder no/run"),
        (["resume", "no/run"], "there is no folder no/run"),
        (["report", "no/run"], "there is no folder no/run"),
    ],
)
def test_the_users_mistakes_exit_with_2_and_say_what_to_do(words, told, table):
    code, out, err = call(*[str(table) if word == "TABLE" else word for word in words])
    assert code == 2
    assert told in err
    assert "Traceback" not in err
    assert out == ""


def test_errors_are_json_too_where_asked_for():
    code, out, _ = call("train", "no/such/folder", "--json")
    assert code == 2
    assert json.loads(out)["exit_code"] == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "a/b"), "No space left on device: 'a/b'"),
        (RuntimeError("out of\nmemory."), "out of memory. Fix: python -X dev"),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_json(monkeypatch, tmp_path, error, told):
    def fail(*_):
        raise error

    monkeypatch.setattr("tilth.flow.listing.list_runs", fail)
    code, out, err = call("runs", tmp_path, "--json")
    assert code == 1
    assert told in err and "Traceback" not in err and err.count("\n") == 1
    assert json.loads(out) == {"error": err[len("tilth: ") : -1], "exit_code": 1}


def test_ctrl_c_saves_and_prints_the_line_that_resumes(table, tmp_path):
    folder = tmp_path / "run"
    words = [
        sys.executable,
        "-m",
        "tilth",
        "train",
        table,
        "--target",
        "price",
        "-o",
        folder,
        "--epochs",
        "400",
        "--lr",
        "0.001",
        "--set",
        "train.patience=0",
    ]
    process = subprocess.Popen(
        [str(word) for word in words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = folder / "metrics.jsonl"
        if lines.exists() and lines.stat().st_size > 500:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"tilth resume {folder}" in err
    assert list((folder / "checkpoints" / "phase-0").glob("step-*"))


def test_commands_in_messages_can_be_pasted(trained, pictures, table, tmp_path):
    """Folders with spaces are quoted wherever a command is proposed."""
    stopped = tmp_path / "has stopped"
    shutil.copytree(trained[0], stopped, ignore=shutil.ignore_patterns("DONE", "model"))
    for words in (("predict", stopped, table), ("train", pictures, "-o", stopped)):
        code, _, err = call(*words)
        assert code == 2
        assert f"tilth resume {shlex.quote(str(stopped))}" in err
