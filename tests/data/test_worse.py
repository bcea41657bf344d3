"""Pictures made worse: what is done, and that it depends on seed, epoch and row alone."""

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tilth.data.worse import KINDS, Worse, WorsePrepare, smaller
from tilth.errors import UserError

STREAM = torch.Generator().manual_seed(0)
PICTURES = (torch.rand(4, 3, 16, 24, generator=STREAM) * 255).round() / 255
KEYS = torch.tensor([5, 2, 9, 30])


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_changed_alike_in_any_batch_and_otherwise_in_another_epoch(kind):
    worse = Worse(kind)
    found = worse(PICTURES, KEYS, 3, seed=1)
    for row in range(4):
        alone = worse(PICTURES[row : row + 1], KEYS[row : row + 1], 3, seed=1)
        torch.testing.assert_close(alone, found[row : row + 1], rtol=0, atol=1e-6)
    drawn = kind in ("noisy", "covered")
    assert torch.equal(found, worse(PICTURES, KEYS, 4, seed=1)) is not drawn
    assert torch.equal(found, worse(PICTURES, KEYS, 3, seed=2)) is not drawn


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_what_eight_bits_hold(kind):
    levels = Worse(kind, noise=0.5)(PICTURES, KEYS, 0, seed=0) * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert levels.min() >= 0 and levels.max() <= 255


@pytest.mark.parametrize("factor", [2, 4])
def test_smaller_is_the_bicubic_of_pillow(factor):
    stream = np.random.default_rng(0)
    coarse = Image.fromarray(stream.integers(60, 200, (8, 6), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((48, 64), Image.Resampling.BILINEAR))
    small = Image.fromarray(smooth).resize((48 // factor, 64 // factor), Image.Resampling.BICUBIC)
    found = smaller(torch.from_numpy(smooth / 255).float()[None, None], factor) * 255
    assert np.abs(found[0, 0].numpy() - np.asarray(small)).max() < 1.01  # Pillow rounds twice


def test_noise_has_the_deviation_asked_for_and_no_pattern():
    grey = torch.full((50, 1, 32, 32), 0.5)
    noise = Worse("noisy", noise=0.1)(grey, torch.arange(50), 0, seed=0) - grey
    assert abs(float(noise.std()) - 0.1) < 0.001
    assert abs(float(noise.mean())) < 0.002
    first, second = noise[:, 0, :, :-1].flatten(), noise[:, 0, :, 1:].flatten()
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.02


def test_the_batch_transform_gives_what_is_seen_beside_what_is_wanted():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    data = tl.arrays(pixels, np.arange(60) % 2).in_range(0.0, 1.0)
    prepare = WorsePrepare(data.prepare(train=False), Worse("smaller", factor=2), 4)
    rows = torch.tensor([7, 3])
    found = prepare(data.store.take(rows), rows, 0)
    assert np.allclose(found.wanted[:, 0].numpy() * 255, pixels[[7, 3]], atol=1e-4)
    wanted = Worse("smaller")(found.wanted, rows, 0, seed=4)
    assert torch.equal(found.seen, wanted)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "blurred"}, "unknown way"),
        ({"factor": 3}, "2, 4, 8"),
        ({"kind": "noisy", "noise": 0.0}, "above 0"),
        ({"kind": "compressed", "quality": 100}, "1 \\(least\\) to 95"),
    ],
)
def test_what_cannot_be_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        Worse(**given)


def test_sizes_that_do_not_fit_are_refused_with_one_that_does():
    Worse("smaller", factor=4).check_size(32, 40)
    with pytest.raises(UserError, match=r"--size 28"):
        Worse("smaller", factor=4).check_size(30, 30)
    with pytest.raises(UserError, match=r"size=\(28, 32\)"):
        Worse("smaller", factor=4).check_size(30, 33)
    with pytest.raises(UserError, match="6 x 11"):
        Worse("covered").check_size(8, 8)
