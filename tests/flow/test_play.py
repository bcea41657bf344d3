"""A trained policy in its world again."""

import numpy as np
import pytest

import tilth as tl
from tests.worlds import COUNTER
from tilth.errors import UserError
from tilth.flow.play import play_run
from tilth.train.play import play

SHORT = {"longest": 4}
"""Episodes of 3 or 4 steps, which pay 1 + 2 + 3 (+ 4)."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    learner = tl.Learner(
        tl.world(COUNTER, SHORT),
        task_arguments={"method": "reinforce"},
        epochs=1,
        quiet=True,
        run=tmp_path_factory.mktemp("runs") / "counter",
        threads=1,
    )
    done = learner.fit()
    done.export()
    return done


def test_it_plays_in_the_world_that_it_learned_in(run):
    found = play_run(run.path, episodes=30, seed=4)
    played = play(run.learner.model, tl.world(COUNTER, SHORT).environment(30), seed=4)
    assert found["return"] == pytest.approx(float(played.returns.mean()))
    assert (found["least"], found["most"]) == (6.0, 10.0)
    assert found["length"] == pytest.approx(float(played.lengths.double().mean()))
    assert (found["world"], found["episodes"]) == (COUNTER, 30)


def test_the_bundle_plays_as_the_run_does(run, tmp_path):
    bundle = run.export(tmp_path / "bundle")
    assert play_run(bundle, episodes=5) == play_run(run.path, episodes=5)


def test_a_model_of_another_kind_is_told(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(80, 2))
    data = tl.arrays(inputs, inputs[:, 0] > 0)
    run = tl.Learner(data, quiet=True, run=tmp_path / "run").fit(1, lr=0.01)
    with pytest.raises(UserError, match="did not learn to act"):
        play_run(run.export())


def test_a_world_that_cannot_be_drawn_has_no_film(run, tmp_path):
    with pytest.raises(UserError, match="cannot be drawn"):
        play_run(run.path, film=str(tmp_path / "no.gif"))
    assert not (tmp_path / "no.gif").exists()
