"""Features of two sets: whether a linear model parts them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tilth.audit.domain_features import picture, probe

STREAM = np.random.default_rng(0)


def test_a_linear_model_parts_what_is_apart_and_guesses_where_nothing_is():
    near = STREAM.normal(size=(2, 400, 6))
    assert 0.4 < probe(near[0], near[1], 0).mean() < 0.6
    far = near[1] + np.array([4.0, 0, 0, 0, 0, 0])
    # two normals 4 apart: Phi(2) of them are on their own side
    assert probe(near[0], far, 0).mean() == pytest.approx(0.977, abs=0.03)
    assert len(probe(near[0], far, 0)) == 400


def test_the_plane_shows_both_sets_in_their_colours():
    drawn = picture(STREAM.normal(size=(50, 6)), STREAM.normal(size=(50, 6)) + 6)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))).convert("RGB")).astype(int)
    blue = (pixels[..., 2] > pixels[..., 0] + 30).sum(0)
    orange = (pixels[..., 0] > pixels[..., 2] + 30).sum(0)
    assert blue.sum() > 50 and orange.sum() > 50
    middles = [np.average(np.arange(pixels.shape[1]), weights=one) for one in (blue, orange)]
    assert abs(middles[0] - middles[1]) > 0.2 * pixels.shape[1]  # apart along the first component
