"""What holds for every verb: help that explains, one JSON object, mistakes with a way out."""

import json

import click
import numpy as np
import pytest

import tilth as tl
from tests.cli.calling import FAST, call
from tilth.cli._verb import GROUP, Verb
from tilth.cli.main import tilth_command

CONTEXT = click.Context(tilth_command, info_name="tilth")
VERBS = tilth_command.list_commands(CONTEXT)


def verb(name: str) -> Verb:
    found = tilth_command.get_command(CONTEXT, name)
    assert isinstance(found, Verb)
    return found


@pytest.fixture(scope="module")
def second(pictures, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("more runs") / "second"
    words = ("--model", "mlp", "--seed", "1", *FAST, "-q")
    assert call("train", pictures, "-o", folder, *words)[0] == 0
    return folder


@pytest.fixture
def command_lines(pictures, trained, second, tmp_path, monkeypatch):
    """One command line per verb, each of which succeeds."""
    monkeypatch.chdir(tmp_path)
    run = trained[0]
    return {
        "check": ["check", pictures],
        "find-lr": ["find-lr", pictures, "--model", "mlp", "--dtype", "float32"],
        "train": ["train", pictures, "--model", "mlp", *FAST],
        "resume": ["resume", stopped(run, tmp_path / "stopped")],
        "predict": ["predict", run, pictures / "dark" / "0.png"],
        "report": ["report", run],
        "review": ["review", reviewed(run, tmp_path / "reviewed"), "--folds", "2"],
        "export": ["export", run, tmp_path / "bundle"],
        "runs": ["runs", run.parent],
        "compare": ["compare", run, second],
        "init": ["init", pictures],
        "doctor": ["doctor"],
        "play": ["play", policy(tmp_path / "pole"), "--episodes", "2"],
        "sample": ["sample", generator(tmp_path / "points"), "-o", tmp_path / "made"],
    }


def policy(folder):
    """Return the run of a policy that has learned next to nothing."""
    given = ("--set", "task.arguments.method=reinforce", "--set", "train.epochs=1", "-q")
    code, _, err = call("train", "env:CartPole-v1", "-o", folder, *given)
    assert code == 0, err
    return folder


def generator(folder):
    """Return the run of a generator of points that has learned next to nothing."""
    data = tl.arrays(np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 2)
    learn = tl.Learner(data, task="generate", run=folder, quiet=True, epochs=1)
    learn.fit().export()
    return folder


def reviewed(run, folder):
    """Return a copy of a run: a review keeps what its nets say in the run's folder."""
    import shutil

    shutil.copytree(run, folder)
    return folder


def stopped(run, folder):
    """Return a run like ``run`` that was killed after its last checkpoint."""
    import shutil

    shutil.copytree(run, folder)
    for name in ("DONE", "audit.json", "report.html"):
        (folder / name).unlink()
    return folder


@pytest.mark.parametrize("name", [name for name in VERBS if name != "demo"])
def test_json_is_one_object_and_all_that_is_on_stdout(name, command_lines):
    code, out, err = call(*command_lines[name], "--json")
    assert code == 0, err
    assert isinstance(json.loads(out), dict)
    assert out.count("\n") == 1


@pytest.mark.parametrize("name", VERBS)
def test_a_failure_is_one_json_object_too(name):
    code, out, err = call(name, "--no-such-option", "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 2
    assert found["error"] in err


@pytest.mark.parametrize("name", VERBS)
def test_help_describes_every_option_and_gives_an_example(name):
    command = verb(name)
    code, out, err = call(name, "--help")
    assert (code, err) == (0, "")
    assert command.examples
    for example in command.examples:
        assert example.startswith(f"tilth {name}")
        assert f"  {example}\n" in out
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} is not described"
    assert any(parameter.name == "as_json" for parameter in command.params)


@pytest.mark.parametrize("name", VERBS)
def test_examples_are_lines_that_are_understood(name):
    """Their options exist and their arguments are complete."""
    for example in verb(name).examples:
        words = example.partition(" > ")[0].split()[2:]
        verb(name).make_context(name, words)


def test_options_stand_under_their_headings():
    _, out, _ = call("train", "--help")
    data, training, rest = (out.index(f"\n{head}:\n") for head in HEADINGS)
    assert data < out.index("  --target ") < training < out.index("  --epochs ") < rest
    assert rest < out.index("  --force ")
    groups = {getattr(parameter, GROUP, "Options") for parameter in verb("train").params}
    assert groups == set(HEADINGS)


HEADINGS = ("The data", "The training", "Options")


def test_tilth_alone_explains_itself():
    code, out, err = call()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: tilth [OPTIONS] COMMAND")
    assert "tilth: Usage" not in err


def test_every_verb_has_its_row_in_the_page():
    from tests.house.tree import ROOT

    text = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert all(f"| `tilth {name}" in text for name in VERBS)
