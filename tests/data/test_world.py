"""A world as data: named, fingerprinted, split into episodes."""

import math

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.data.environment import Space
from tilth.data.mini_pong import MiniPong
from tilth.data.observations import Observations
from tilth.data.world import open_world
from tilth.errors import UserError


def test_episodes_of_valid_and_test_share_no_id():
    world = open_world("CartPole-v1")
    assert not set(world.item_ids(world.splits["valid"])) & set(
        world.item_ids(world.splits["test"])
    )
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


def test_observations_go_round_through_their_settings():
    seen = Space((2,), low=(-math.inf, 0.0), high=(1.0, math.inf))
    one = Observations(seen, Space((), "int64", choices=3), "Somewhere-v0", {"length": 3})
    other = Observations.from_config(one.to_config())
    assert other == one
    assert torch.equal(other(np.ones((4, 2))), torch.ones(4, 2))
    with pytest.raises(UserError, match=r"several are \['count', 2\]"):
        other(np.ones((4, 3)))
