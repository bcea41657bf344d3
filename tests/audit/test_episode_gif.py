"""The moving picture of an episode shows what happened, frame by frame."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.worlds import COUNTER
from tilth.audit.episode_gif import episode_gif
from tilth.data.gym_environment import GymEnvironment
from tilth.data.mini_pong import MiniPong
from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.randomness import fold


class Same(nn.Module):
    """Always makes the same choice."""

    def __init__(self, choice):
        super().__init__()
        self.choice = choice

    def act(self, observations, *, generator, explore):
        return Action(torch.full((len(observations),), self.choice), {})


def frames_of(path):
    with Image.open(path) as moving:
        for frame in range(moving.n_frames):
            moving.seek(frame)
            yield np.asarray(moving.convert("RGB"))


def test_every_frame_is_the_picture_of_its_step(tmp_path):
    path = tmp_path / "pong.gif"
    gained = episode_gif(Same(1), MiniPong(2, points=1), path, every=1, longest=30, seed=4)
    wanted, world = [], MiniPong(2, points=1)
    found = list(frames_of(path))
    world.reset(fold(4, "world of showing") % 2**31)
    total = 0.0
    for _ in range(30):
        wanted.append(world.picture().permute(1, 2, 0).numpy())
        stepped = world.step(torch.tensor([1, 1]))
        total += float(stepped.rewards[0])
        if stepped.ended[0]:
            break
    assert len(found) == len(wanted) > 5
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert gained == total


def test_cartpole_falls_without_a_display_or_a_game_library(tmp_path):
    path = tmp_path / "falls.gif"
    gained = episode_gif(Same(1), GymEnvironment("CartPole-v1"), path, every=1)
    found = list(frames_of(path))
    assert gained < 20, "a reward of 1 for each step until it falls"
    assert found[0].shape == (200, 300, 3) and 3 < len(found) <= gained
    with Image.open(path) as moving:  # pictures that are the same are one, shown for longer
        shown = [moving.seek(n) or moving.info["duration"] for n in range(moving.n_frames)]
    assert sum(shown) == 40 * gained


def test_what_cannot_be_drawn_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be drawn"):
        episode_gif(Same(0), GymEnvironment(COUNTER), tmp_path / "none.gif")
    with pytest.raises(UserError, match="every=0"):
        episode_gif(Same(0), MiniPong(1), tmp_path / "none.gif", every=0)
