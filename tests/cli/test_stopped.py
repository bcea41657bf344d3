"""Ctrl-C in any verb that trains: what is printed goes on with all of it."""

import json
import re
import shlex
import signal
import subprocess
import sys

import pytest

import tilth as tl
from tests.cli.calling import FAST, call
from tilth.train.checkpoint import Checkpointer
from tilth.train.progress import Progress
from tilth.train.run_folder import RunFolder


@pytest.fixture
def stops(monkeypatch):
    """Let Ctrl-C come at step 2 of each training until the list is emptied."""
    at = [2]

    def after_step(self, loop):
        if loop.step in at:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "after_step", after_step)
    monkeypatch.setattr("tilth.tasks._sizes.usual_epochs", lambda kind, rows: 1)
    return at


def stopped(*words):
    """Call a verb that is stopped, and return what it says to type."""
    code, out, err = call(*words, "--json")
    assert code == 130
    assert json.loads(out)["exit_code"] == 130
    (line,) = [line for line in err.splitlines() if line.startswith("stopped;")]
    said, command = line.split(". To go on: ")
    assert said == "stopped; everything is saved"
    first, *rest = shlex.split(command)
    assert first == "tilth"
    return rest


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ([], ["a run"]),
        (["--folds", "2"], ["a run-fold1", "a run-fold2"]),
        (["--repeats", "2"], ["a run-seed0", "a run-seed1"]),
    ],
)
def test_the_line_that_is_printed_finishes_everything(table, tmp_path, stops, more, names):
    command = stopped("train", table, "--target", "price", "-o", tmp_path / "a run", *FAST, *more)
    stops.clear()
    assert call(*command, "-q")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(RunFolder.open(tmp_path / name).status == "done" for name in names)


def test_after_the_last_line_nothing_is_interrupted():
    code = (
        "import os, signal, sys, tilth.cli.main as m;"
        "m.main = lambda: print('said', flush=True);"
        "m.program(); os.kill(os.getpid(), signal.SIGINT); print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "said\nended\n")


@pytest.mark.parametrize("where", ["report", "export", "measure_numerics"])
@pytest.mark.parametrize("more", [[], ["--folds", "2"]])
def test_ctrl_c_outside_a_training_says_how_to_go_on_too(table, tmp_path, monkeypatch, where, more):
    monkeypatch.setattr("tilth.tasks._sizes.usual_epochs", lambda kind, rows: 1)
    owner = tl.Learner if where == "measure_numerics" else tl.Run
    whole, calls = getattr(owner, where), []

    def interrupted(self, *arguments, **named):
        calls.append(self)
        if len(calls) == 1 + bool(more):
            raise KeyboardInterrupt
        return whole(self, *arguments, **named)

    monkeypatch.setattr(owner, where, interrupted)
    words = ("train", table, "--target", "price", "-o", tmp_path / "a run", *FAST, *more, "--json")
    code, out, err = call(*words)
    assert code == 130
    said = err.splitlines()[-1]
    if where == "measure_numerics" and not more:  # nothing was begun
        assert said == json.loads(out)["error"] == "stopped"
        return
    assert said == json.loads(out)["error"]
    kept = "not trained yet" if where == "measure_numerics" else "the trained weights are saved"
    assert kept in said and ". To go on: tilth " in said
    if where == "report" and not more:
        assert "\ntrained  " in call("runs", tmp_path)[1]
    _, *command = shlex.split(said.split("To go on: ")[1])
    assert call(*command, "-q")[0] == 0
    assert all(RunFolder.open(path).status == "done" for path in tmp_path.glob("a run*"))


def test_runs_without_a_name_are_found_again(table, tmp_path, stops, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = stopped("train", table, "--target", "price", "--repeats", "2", *FAST)
    stops.clear()
    assert call(*command, "-q")[0] == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_the_demo_goes_on(tmp_path, stops):
    command = stopped("demo", "-o", tmp_path / "digits", "--seed", "1")
    stops.clear()
    code, _, err = call("resume", tmp_path / "digits")
    assert code == 2 and f"Fix: tilth {shlex.join(command)}" in err
    _, _, err = call("runs", tmp_path)
    assert err == f"Next: tilth {shlex.join(command)}\n"
    assert call(*command, "-q")[0] == 0
    assert RunFolder.open(tmp_path / "digits").config["seed"] == 1


def test_a_fold_is_not_gone_on_with_alone(table, tmp_path, stops):
    words = ("train", table, "--target", "price", "-o", tmp_path / "a", *FAST, "--folds", "2")
    command = stopped(*words)
    code, _, err = call("resume", tmp_path / "a-fold1")
    assert code == 2 and f"Fix: tilth {shlex.join(command)}" in err


@pytest.mark.parametrize(
    ("writes", "told"), [(0, "there is no checkpoint yet"), (1, "the last is of step 1")]
)
def test_a_disk_that_took_nothing_is_not_called_saved(
    table, tmp_path, stops, monkeypatch, writes, told
):
    count, write = [0], Checkpointer._write

    def full(self, loop, state):
        count[0] += 1
        return count[0] <= writes and write(self, loop, state)

    monkeypatch.setattr(Checkpointer, "_write", full)
    soon = ("--set", "train.checkpoint_seconds=0", "--batch-size", "16")
    words = ("train", table, "--target", "price", "-o", tmp_path / "run", *soon, *FAST)
    code, _, err = call(*words)
    assert code == 130
    assert re.search(f"stopped; the checkpoint of step 2 could not be written, {told}. To go", err)
    assert "everything is saved" not in err
