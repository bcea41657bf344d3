"""A trained policy in its world again."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tests.worlds import COUNTER
from tilth.errors import UserError
from tilth.flow.play import play_run
from tilth.train.play import play


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = tl.world("MiniPong", {"points": 1})
    small = {"layers": [8]}
    folder = tmp_path_factory.mktemp("runs") / "pong"
    learner = tl.Learner(
        world,
        task_arguments={"method": "reinforce"},
        model_arguments=small,
        epochs=1,
        quiet=True,
        run=folder,
        threads=1,
    )
    done = learner.fit()
    done.export()
    return done


def test_it_plays_in_the_world_that_it_learned_in(run):
    found = play_run(run.path, episodes=6, seed=4)
    played = play(run.learner.model, tl.world("MiniPong", {"points": 1}).environment(6), seed=4)
    assert found["return"] == pytest.approx(float(played.returns.mean()))
    assert (found["least"], found["most"]) == (played.returns.min(), played.returns.max())
    assert found["length"] == pytest.approx(float(played.lengths.double().mean()))
    assert (found["world"], found["episodes"]) == ("MiniPong", 6)
    assert {found["least"], found["most"]} <= {-1.0, 1.0}, "games of one point, as it learned"


def test_the_bundle_plays_as_the_run_does(run, tmp_path):
    bundle = run.export(tmp_path / "bundle")
    assert play_run(bundle, episodes=5) == play_run(run.path, episodes=5)


def test_a_film_shows_its_world(run, tmp_path):
    path = tmp_path / "pong.gif"
    play_run(run.path, episodes=1, film=str(path))
    film = Image.open(io.BytesIO(path.read_bytes()))
    assert film.size == (320, 320) and film.n_frames > 5
    assert np.array(film.convert("L")).max() > 200, "paddles and ball are white"
    assert base64.b64encode(path.read_bytes()).decode()[:6] == "R0lGOD"


def test_a_model_of_another_kind_is_told(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(80, 2))
    data = tl.arrays(inputs, inputs[:, 0] > 0)
    run = tl.Learner(data, quiet=True, run=tmp_path / "run").fit(1, lr=0.01)
    with pytest.raises(UserError, match="did not learn to act"):
        play_run(run.export())


def test_a_world_that_cannot_be_drawn_has_no_film(tmp_path):
    given = {"task_arguments": {"method": "reinforce"}, "epochs": 1, "threads": 1}
    run = tl.Learner(tl.world(COUNTER), quiet=True, run=tmp_path / "run", **given).fit()
    with pytest.raises(UserError, match="cannot be drawn"):
        play_run(run.export(), film=str(tmp_path / "no.gif"))
    assert not (tmp_path / "no.gif").exists()
