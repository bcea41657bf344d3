"""Episodes as moving pictures: the frames are those of the world."""

import base64
import io
import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tilth.audit.film import film, gif
from tilth.data.mini_pong import MiniPong
from tilth.errors import UserError
from tilth.nn.action import Action


class Still(nn.Module):
    def act(self, observations, *, generator, explore):
        return Action(torch.zeros(len(observations), dtype=torch.int64))


def frames(encoded):
    opened = Image.open(io.BytesIO(base64.b64decode(encoded)))
    found = []
    for place in range(opened.n_frames):
        opened.seek(place)
        found.append(np.array(opened.convert("RGB")))
    return found


def test_pixels_survive_and_are_enlarged_as_squares():
    pictures = [torch.zeros(3, 8, 16, dtype=torch.uint8) for _ in range(2)]
    pictures[0][:, 2, 3], pictures[1][:, 5, 9] = 255, 255
    first, second = frames(gif(pictures))
    assert first.shape == (160, 320, 3)
    assert first[40:60, 60:80].min() == 255 and first.sum() == 255 * 3 * 400
    assert second[100:120, 180:200].min() == 255


def test_a_film_ends_with_its_episode_and_is_thinned_out():
    world = MiniPong(1, points=1)
    found = frames(film(Still(), world, seed=3, device=torch.device("cpu"), frames=10))
    world.reset(3)
    pictures, ended = [], False
    while not ended:
        pictures.append(world.picture())
        ended = bool(world.step(torch.zeros(1, dtype=torch.int64)).ended[0])
    assert 40 < len(pictures) <= 80
    wanted = frames(gif(pictures[::8]))
    assert 5 < len(found) == len(wanted) <= 10
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_pictures_are_held_than_are_shown():
    held = weakref.WeakSet()
    most = []

    class Watched(MiniPong):
        def picture(self):
            held.add(one := super().picture())
            most.append(len(held))
            return one

    film(Still(), Watched(1), seed=0, device=torch.device("cpu"), frames=8)
    assert len(most) > 16 and max(most) <= 9


def test_a_world_that_cannot_be_drawn_has_no_film():
    class Dark(MiniPong):
        def picture(self):
            raise UserError("it is dark")

    with pytest.raises(UserError, match="it is dark"):
        film(Still(), Dark(1), seed=0, device=torch.device("cpu"))
    with pytest.raises(UserError, match="film of no pictures"):
        gif([])
