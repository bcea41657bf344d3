"""The look at a policy: its test episodes, those of chance, a film."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import tilth as tl
from tests.worlds import COUNTER, Clock
from tilth.audit.acted import by_chance
from tilth.audit.looks.episodes import episodes
from tilth.audit.report import render
from tilth.nn.action import Action
from tilth.randomness import fold
from tilth.train.play import play

WORLD = tl.world("CartPole-v1")


class Leans(nn.Module):
    """Pushes to where the pole leans."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def act(self, observations, *, generator, explore):
        return Action((observations[:, 2] > 0).long())


@pytest.fixture(scope="module")
def looked():
    learner = tl.Learner(WORLD, Leans(), quiet=True)
    return learner, episodes(learner.task, learner.setup(), seed=0)


def test_scores_are_those_of_its_episodes(looked):
    _, found = looked
    played = play(Leans(), WORLD.environment(100), seed=fold(0, "episodes", "test"))
    assert found["test"]["return"]["value"] == pytest.approx(float(played.returns.mean()))
    assert found["test_count"] == 100


def test_chance_acts_on_the_same_episodes_without_looking(looked):
    learner, found = looked
    (random,) = found["baselines"]
    values = by_chance(learner.task, learner.setup(), seed=0).values
    assert random["metrics"]["return"]["value"] == pytest.approx(values[:, 0].mean())
    # a policy that does not look at it keeps the pole up for about 22 steps
    assert 18 < values[:, 0].mean() < 27
    assert random["difference"]["verdict"] == "better"


def test_the_spread_is_that_of_the_episodes(looked):
    learner, found = looked
    spread, _ = found["sections"]
    values = learner.task.values(learner.setup(), "test")[:, 0]
    row = spread["table"]["rows"][0]
    assert row[0] == "Return of this net"
    assert [float(cell) for cell in row[1:]] == np.quantile(
        values, [0, 0.25, 0.5, 0.75, 1]
    ).tolist()


def test_the_film_shows_an_episode(looked):
    _, found = looked
    (strip,) = found["sections"][1]["strips"]
    film = Image.open(io.BytesIO(base64.b64decode(strip["shown"][0]["gif"])))
    assert film.n_frames > 5 and film.size[0] == 320


def test_a_world_that_cannot_be_drawn_says_so():
    learner = tl.Learner(tl.world(COUNTER), Clock(), quiet=True)
    found = episodes(learner.task, learner.setup(), seed=0)
    assert found["sections"][1]["lines"][0].startswith("No film: ")


def test_the_page_says_that_the_loss_of_a_policy_is_no_score(tmp_path):
    """The curve has one line, and its note speaks of no other."""
    run = tl.Learner(
        tl.world(COUNTER),
        task_arguments={"method": "reinforce"},
        epochs=2,
        quiet=True,
        run=tmp_path / "run",
        threads=1,
    ).fit()
    run.audit()
    page = render(run.path).read_text()
    drawn = page[page.index('aria-label="Loss by epoch"') :]
    drawn = drawn[: drawn.index("</svg>")]
    assert ">train</text>" in drawn and ">valid</text>" not in drawn
    assert "the targets are made by the policy itself" in page
    assert "may lie above the loss on valid" not in page
