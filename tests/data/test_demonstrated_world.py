"""A world with what its driver showed: the same in every run, and told apart by how much."""

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.data.demonstrated_world import DemonstratedWorld
from tilth.data.road_world import RoadDriver
from tilth.errors import UserError

ROAD = {"length": 60.0, "height": 12, "width": 20}


def road(frames=130):
    return DemonstratedWorld.of(tl.world("RoadWorld", ROAD), frames)


def test_what_is_shown_is_the_same_every_time_and_made_once():
    one, other = road(), road()
    assert one.shown is one.shown
    assert torch.equal(one.shown.observations, other.shown.observations)
    assert one.shown.observations.shape == (130, 3, 12, 20)
    assert one.shown.actions.shape == (130, 1)


def test_it_is_the_world_that_it_was_made_of():
    plain, shown = tl.world("RoadWorld", ROAD), road()
    assert shown.origin == plain.origin
    assert all(np.array_equal(shown.splits[name], rows) for name, rows in plain.splits.items())
    assert shown.preprocessor == plain.preprocessor
    assert len({plain.fingerprint(), shown.fingerprint(), road(131).fingerprint()}) == 3
    assert shown.describe() == {**plain.describe(), "frames": 130}
    assert "130 frames of its own driver" in shown.notes[-1]


def test_a_world_without_a_driver_is_told():
    with pytest.raises(UserError, match=r"MiniPong; somebody has to show.*Choices: RoadWorld"):
        DemonstratedWorld.of(tl.world("MiniPong"), 100)
    world = tl.world("RoadWorld", ROAD)
    assert isinstance(world.driver(world.environment(1)), RoadDriver)


def test_a_demonstrated_world_is_shown_anew_with_other_frames():
    again = DemonstratedWorld.of(road(), 128)
    assert again.fingerprint() == road(128).fingerprint()
    assert again.notes == road(128).notes
    assert len(again.shown.actions) == 128
