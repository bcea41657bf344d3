"""Rows from a bundle: those of its generator, in the units of the data."""

import numpy as np
import pytest
import torch

import tilth as tl
from tests.tasks.test_generate import LEARNER, blobs, points_learner
from tilth.errors import UserError
from tilth.nn.generator_critic import latents_for
from tilth.randomness import fold


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return LEARNER(quiet=True, run=tmp_path_factory.mktemp("pictures") / "run").fit()


def test_pictures_are_bytes_made_for_their_labels(pictures):
    sampler = tl.load(pictures.export())
    made = sampler.sample(6, seed=3, label="7")
    assert made.shape == (6, 8, 8) and made.dtype == np.uint8
    model = pictures.learner.model.eval()
    latents = latents_for(model, 6, seed=fold(3, "sample"))
    with torch.no_grad():
        wanted = (model.generator(latents, torch.full((6,), 7)) + 1) * 127.5
    assert np.abs(made - wanted[:, 0].numpy()).max() <= 0.51
    assert sampler.labels == tuple("0123456789")
    assert sampler.labels_for(12) == [*"012345678901"]
    one_each = sampler.sample(12, seed=3, label=sampler.labels_for(12))
    assert np.array_equal(sampler.sample(12, seed=3), one_each)
    assert not np.array_equal(sampler.sample(6, seed=4, label="7"), made)


def test_what_cannot_be_sampled_is_refused(pictures):
    sampler = tl.load(pictures.export())
    with pytest.raises(UserError, match="count=0"):
        sampler.sample(0)
    with pytest.raises(UserError, match="unknown label 'seven'"):
        sampler.sample(1, label="seven")
    with pytest.raises(UserError, match="2 labels for 3 rows"):
        sampler.sample(3, label=["1", "2"])


def test_points_are_in_the_units_of_the_data(tmp_path):
    run = points_learner(run=tmp_path / "run").fit()
    sampler = tl.load(run.export())
    made = sampler.sample(200)
    encoder = run.learner.data.preprocessor
    latents = latents_for(run.learner.model, 200, seed=fold(0, "sample"))
    with torch.no_grad():
        plain = run.learner.model.generator(latents)
    assert made.dtype == np.float64
    assert torch.allclose(encoder(made), plain, atol=1e-5)
    assert sampler.labels == ()
    with pytest.raises(UserError, match="for no label"):
        sampler.sample(1, label="0")
    assert blobs().target.labels == ("0", "1")
