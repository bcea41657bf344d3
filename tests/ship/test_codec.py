"""What a bundle of a model that gives rows back answers."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tilth.decode.latent_density import mixture_density
from tilth.decode.resampling import resampling_weights
from tilth.errors import UserError
from tilth.randomness import fold

DIGITS = np.round(load_digits().images[:200] * (255 / 16)).astype(np.uint8)


@pytest.fixture(scope="module", params=["autoencode", "variational"])
def codec(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    given = {"epochs": 1, "quiet": True, "model_arguments": {"latents": 3, "layers": (16,)}}
    learner = tl.Learner(tl.arrays(DIGITS), task=request.param, run=folder / "run", **given)
    return tl.load(learner.fit().export())


def test_rows_like_others_need_no_prior(codec):
    found = codec.sample(4, like=DIGITS, seed=1)
    assert found.shape == (4, 1, 8, 8) and torch.isfinite(found).all()
    assert torch.equal(found, codec.sample(4, like=DIGITS, seed=1))
    assert not torch.equal(found, codec.sample(4, like=DIGITS, seed=2))
    with pytest.raises(UserError, match="1 row to be like"):
        codec.sample(4, like=DIGITS[:1])


def test_codes_of_such_rows_are_drawn_from_ten_gaussians(codec):
    density = mixture_density(codec.encode(DIGITS), parts=10, seed=3)
    draws = density.sample(4, torch.Generator().manual_seed(fold(3, "sample")))
    torch.testing.assert_close(codec.sample(4, like=DIGITS, seed=3), codec.decode(draws))


def test_a_way_begins_and_ends_with_the_rows_as_they_come_back(codec):
    way = codec.between(DIGITS[0], DIGITS[1], steps=5)
    ends = codec.reconstruct(DIGITS[:2])
    torch.testing.assert_close(way[[0, -1]], ends, rtol=1e-4, atol=1e-5)
    codes = codec.encode(DIGITS[:2])
    torch.testing.assert_close(way[2], codec.decode(codes.mean(0, keepdim=True))[0])
    for first, steps in ((DIGITS[:3], 5), (DIGITS[0], 1)):
        with pytest.raises(UserError, match=f"rows in {steps} steps"):
            codec.between(first, DIGITS[1], steps=steps)


def test_weights_to_draw_rows_by_are_those_of_their_codes(codec):
    found = codec.resampling_weights(DIGITS, alpha=0.2)
    torch.testing.assert_close(found, resampling_weights(codec.encode(DIGITS), alpha=0.2))
    assert float(found.sum()) == pytest.approx(1)


class Halves(nn.Module):
    """A model of one's own: what the task asks for and nothing more."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(64, 2), nn.Linear(2, 64)

    def encode(self, inputs):
        return self.down(inputs.flatten(1))

    def decode(self, latents):
        return self.up(latents).reshape(-1, 1, 8, 8)

    def forward(self, inputs):
        return self.decode(self.encode(inputs))


def test_a_model_of_ones_own_says_only_what_it_can(tmp_path):
    given = {"epochs": 1, "quiet": True, "run": tmp_path / "run"}
    learner = tl.Learner(tl.arrays(DIGITS), Halves(), task="autoencode", **given)
    codec = tl.load(learner.fit().export(), plugins=[Halves])
    assert repr(codec) == "Codec(Halves)"
    assert codec.encode(DIGITS[:3]).shape == (3, 2)
    with pytest.raises(UserError, match="only a model with a prior"):
        codec.sample(2)
