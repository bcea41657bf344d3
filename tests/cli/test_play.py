"""tilth play, and tilth train of a world."""

import io
import json
import re

import pytest
from PIL import Image

from tests.cli.calling import call
from tests.worlds import COUNTER


@pytest.fixture(scope="module")
def pole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "pole"
    given = ("--set", "task.arguments.method=reinforce", "--epochs", "1", "-q")
    code, _, err = call("train", "env:CartPole-v1", "-o", folder, *given)
    assert code == 0, err
    return folder


def test_it_says_how_the_episodes_go(pole):
    code, out, err = call("play", pole, "--episodes", "4", "--seed", "2", "--json")
    assert code == 0, err
    found = json.loads(out)
    code, out, _ = call("play", pole, "--episodes", "4", "--seed", "2")
    first, second = out.splitlines()
    assert first == f"CartPole-v1: mean return {found['return']:.4g} over 4 episodes"
    assert second == f"least {found['least']:.4g}, most {found['most']:.4g}"
    assert found["least"] <= found["return"] <= found["most"]


def test_a_film_is_written_once(pole, tmp_path):
    film = tmp_path / "pole.gif"
    assert call("play", pole, "--episodes", "1", "--film", film)[0] == 0
    shown = Image.open(io.BytesIO(film.read_bytes()))
    assert (shown.size[0], shown.n_frames > 5) == (320, True)
    code, _, err = call("play", pole, "--film", film)
    assert code == 2 and "add --force" in err
    assert call("play", pole, "--episodes", "1", "--film", film, "--force")[0] == 0


def test_no_episode_is_refused(pole):
    code, _, err = call("play", pole, "--episodes", "0")
    assert code == 2 and "at least one" in err


def test_arguments_of_the_world_and_of_the_task_reach_them(tmp_path):
    """Episodes have 3 steps and pay 1 + 2 + 3, and the method is the one that was named."""
    run = tmp_path / "run"
    given = ("--set", "data.arguments.longest=3", "--set", "task.arguments.method=reinforce")
    code, _, err = call("train", f"env:{COUNTER}", "-o", run, *given, "--epochs", "1", "-q")
    assert code == 0, err
    config = (run / "config.toml").read_text()
    assert re.search(r"longest = 3\b", config) and 'method = "reinforce"' in config
    code, out, _ = call("play", run, "--episodes", "3", "--json")
    assert code == 0 and (json.loads(out)["least"], json.loads(out)["most"]) == (6.0, 6.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("env:MiniPong", "--set", "data.arguments.pionts=1"), "did you mean 'points'"),
        (("env:Pendulum-v1", "--set", "data.arguments.gg=1"), "change or leave out one of gg"),
        (("env:ALE/Pong-v5", "--set", "data.arguments.lives=1"), "leave out one of lives"),
        (("env:MiniPong", "--set", "task.arguments.method=sac"), "it sees numbers"),
        (("env:Pendulum-v1", "--task", "imitate"), "somebody has to show"),
        (("env:RoadWorld",), 'task="imitate"'),
        (("env:MiniPing",), "no environment 'MiniPing'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("train", *words, "-q")
    assert code == 2 and said in err
    assert not list(tmp_path.iterdir())


def test_a_name_with_a_slash_makes_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("--set", "task.arguments.method=reinforce", "--epochs", "1", "-q")
    code, _, err = call("train", f"env:{COUNTER}", *given)
    assert code == 0, err
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("tilth-test-Counter-v0-") and (run / "report.html").is_file()


def test_a_time_budget_shortens_the_plan(tmp_path):
    code, _, err = call("train", "env:CartPole-v1", "-o", tmp_path / "run", "--minutes", "0.02")
    assert code == 0, err
    outcome = json.loads((tmp_path / "run" / "DONE").read_text())
    assert outcome["seconds"] < 10 and outcome["steps"] < 6400


@pytest.mark.slow
def test_an_atari_game_goes_from_train_to_play(tmp_path, monkeypatch):
    """Its name has a slash; games are cut short, and nothing is said of what was learned."""
    monkeypatch.chdir(tmp_path)
    short = ("--set", "data.arguments.max_num_frames_per_episode=200", "--minutes", "0.02")
    code, _, err = call("train", "env:ALE/Pong-v5", *short, "-q")
    assert code == 0, err
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("ALE-Pong-v5-")
    code, out, err = call("play", run, "--episodes", "2", "--film", "pong.gif", "--json")
    assert code == 0, err
    assert json.loads(out)["length"] <= 50  # four frames a step
    with Image.open("pong.gif") as film:
        assert film.n_frames > 5
