"""One picture in the style of another: what the net sees moves, and the picture keeps its size."""

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tilth.contracts import Batch
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet
from tilth.objectives.style import StyleTransfer
from tilth.tasks._feature_net import of_bundle

STREAM = np.random.default_rng(0)
PHOTO = STREAM.integers(0, 256, (3, 4, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
STRIPES = np.repeat((np.arange(28) % 4 < 2)[None, :, None] * 255, 24, axis=0).repeat(3, axis=2)
STRIPES = STRIPES.astype(np.uint8)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    pixels = STREAM.integers(0, 256, (80, 16, 16, 3), dtype=np.uint8)
    learner = tl.Learner(
        tl.arrays(pixels, np.arange(80) % 2),
        "small_vgg",
        model_arguments={"width": 8, "stages": 2},
        quiet=True,
        run=tmp_path_factory.mktemp("vgg") / "run",
        device="cpu",
    )
    return learner.fit(1).export()


def as_inputs(found):
    return torch.from_numpy(np.asarray(found).copy()).permute(2, 0, 1)[None] / 255


def seen(vgg, found):
    """Return the distances in content from the photo and in style from the stripes."""
    objective = StyleTransfer(FeatureNet(of_bundle(vgg, 3)), as_inputs(STRIPES))
    batch = Batch(as_inputs(PHOTO), torch.zeros(1), torch.arange(1))
    parts = objective(lambda inputs: as_inputs(found), batch, None).parts
    return [float(parts[name].total) for name in ("content", "style")]


def test_the_style_comes_near_and_the_content_stays_nearer_than_noise(vgg):
    given = {"features": vgg, "steps": 80, "device": "cpu"}
    found = tl.paint(PHOTO, STRIPES, style_weight=1e4, **given)
    assert found.size == (32, 24)
    (_, before), (content, style) = seen(vgg, PHOTO), seen(vgg, found)
    assert style < 0.35 * before
    assert content < seen(vgg, STREAM.integers(0, 256, PHOTO.shape, dtype=np.uint8))[0]
    again = tl.paint(Image.fromarray(PHOTO), STRIPES, style_weight=1e4, **given)
    assert np.array_equal(np.asarray(again), np.asarray(found))


def test_smoothness_lets_neighbours_differ_less(vgg):
    rough, smooth = (
        np.asarray(
            tl.paint(PHOTO, STRIPES, features=vgg, steps=30, smoothness=weight, device="cpu")
        ).astype(int)
        for weight in (0.0, 30.0)
    )
    apart = [np.abs(np.diff(one, axis=1)).mean() for one in (rough, smooth)]
    assert apart[1] < 0.8 * apart[0]


def test_what_cannot_be_is_refused(vgg, tmp_path):
    with pytest.raises(UserError, match="steps=0"):
        tl.paint(PHOTO, STRIPES, features=vgg, steps=0)
    with pytest.raises(UserError, match="no sound bundle"):
        tl.paint(PHOTO, STRIPES, features=tmp_path)
    with pytest.raises(UserError, match="nowhere"):
        tl.paint("nowhere.png", STRIPES, features=vgg)
