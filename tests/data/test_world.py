"""A world as data: named, fingerprinted, split into episodes."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.data.environment import Space
from tilth.data.gym_copies import CartPoleCopies
from tilth.data.mini_pong import MiniPong
from tilth.data.observations import Observations
from tilth.data.world import open_world
from tilth.errors import UserError


def test_no_episode_is_learned_from_and_judged_by(monkeypatch):
    """The seeds of all episodes that a training begins, a look at valid and one at test."""
    begun = []
    begin = CartPoleCopies.begin

    def noted(self, which, seeds):
        begun.extend(np.array(seeds)[which].tolist())
        return begin(self, which, seeds)

    monkeypatch.setattr(CartPoleCopies, "begin", noted)
    learner = tl.Learner(open_world("CartPole-v1"), quiet=True, seed=0)
    learner.loop(dataclasses.replace(learner.plan, total_steps=40)).fit()
    seeds = {"train": set(begun)}
    for split, episodes in (("valid", 20), ("test", 100)):
        begun.clear()
        learner.task.values(learner.setup(), split)
        seeds[split] = set(begun)
        assert len(seeds[split]) >= episodes
    assert len(seeds["train"]) > 16
    assert len(set.union(*seeds.values())) == sum(map(len, seeds.values()))


def test_a_world_has_as_many_episodes_as_it_says():
    world = open_world("CartPole-v1")
    assert len(world.splits["valid"]) == 20
    assert len(world.splits["train"]) == 0
    assert world.split_record("test")["count"] == 100


def test_another_world_or_other_arguments_have_another_fingerprint():
    worlds = [
        open_world("CartPole-v1"),
        open_world("Pendulum-v1"),
        open_world("Pendulum-v1", {"g": 9.81}),
        open_world("MiniPong", {"points": 3}),
    ]
    assert len({world.fingerprint() for world in worlds}) == 4
    assert worlds[0].fingerprint() == open_world("CartPole-v1").fingerprint()


def test_what_is_seen_and_done_reaches_the_model():
    assert open_world("MiniPong").model_arguments() == {
        "channels": 2,
        "size": [42, 42],
        "choices": 3,
    }
    assert open_world("Pendulum-v1").model_arguments() == {
        "channels": 3,
        "size": 1,
        "low": [-2.0],
        "high": [2.0],
    }
    made = open_world("MiniPong", {"points": 3}).environment(4)
    assert isinstance(made, MiniPong) and (made.copies, made.points) == (4, 3)


def test_names_that_nobody_knows_are_refused():
    with pytest.raises(UserError, match="CartPool"):
        tl.world("CartPool-v1")


def test_a_world_without_a_time_limit_is_refused_unless_one_is_given():
    with pytest.raises(UserError, match=r"CliffWalking-v1 has no time limit.*max_episode_steps"):
        tl.world("CliffWalking-v1")
    limited = tl.world("CliffWalking-v1", {"max_episode_steps": 3}).environment(2)
    limited.reset(0)
    ends = [limited.step(torch.zeros(2, dtype=torch.int64)).truncated.tolist() for _ in range(3)]
    assert ends == [[False, False], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("name", "arguments"), [("RoadWorld", {"length": "far"}), ("MiniPong", {"points": "many"})]
)
def test_arguments_of_another_kind_are_told(name, arguments):
    (one,) = arguments
    with pytest.raises(UserError, match=f"{name} with .*leave out one of {one}"):
        tl.world(name, arguments)


def test_a_game_is_judged_by_its_own_score():
    """A pellet of this game is worth 10; a net learns from 1."""
    world = tl.world("ALE/MsPacman-v5")
    most = {}
    for judged in (False, True):
        one = world.environment(2, judged=judged)
        one.reset(0)
        steps = [one.step(torch.tensor([2, 3])).rewards.max() for _ in range(90)]
        most[judged] = float(max(steps))
    assert most == {False: 1.0, True: 10.0}


def test_observations_go_round_through_their_settings():
    seen = Space((2,), low=(-math.inf, 0.0), high=(1.0, math.inf))
    one = Observations(seen, Space((), "int64", choices=3), "Somewhere-v0", {"length": 3})
    other = Observations.from_config(one.to_config())
    assert other == one
    assert torch.equal(other(np.ones((4, 2))), torch.ones(4, 2))
    with pytest.raises(UserError, match=r"several are \['count', 2\]"):
        other(np.ones((4, 3)))
