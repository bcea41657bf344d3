"""The ways to restore without learning, beside SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from scipy.signal import wiener as scipy_wiener

from tilth.audit.simple_restoring import (
    best_side,
    inside_and_outside,
    median,
    repeated,
    simple_ways,
    wiener,
)
from tilth.data.worse import Worse, Worsened

STREAM = torch.Generator().manual_seed(0)
PICTURES = torch.rand(2, 3, 12, 9, generator=STREAM)


@pytest.mark.parametrize("side", [3, 5])
def test_the_median_is_that_of_scipy(side):
    found = median(PICTURES, side).numpy()
    for row in range(2):
        for channel in range(3):
            # scipy calls a border that does not repeat the edge "mirror"
            wanted = median_filter(PICTURES[row, channel].numpy(), side, mode="mirror")
            assert np.allclose(found[row, channel], wanted)


def test_the_wiener_filter_is_that_of_scipy_inside():
    found = wiener(PICTURES, 5, 0.05)[1, 2].numpy()
    wanted = scipy_wiener(PICTURES[1, 2].double().numpy(), 5, 0.05)
    assert np.allclose(found[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=1e-5)


def test_pixels_are_repeated():
    wanted = PICTURES.numpy().repeat(4, axis=2).repeat(4, axis=3)
    assert np.array_equal(repeated(PICTURES, 4).numpy(), wanted)


def test_the_window_is_the_one_that_is_best_on_train():
    flat = torch.full((8, 1, 16, 16), 0.5)
    noisy = flat + 0.2 * torch.randn(8, 1, 16, 16, generator=STREAM)
    assert best_side(median, Worsened(noisy, flat)) == 7  # the more the better, where all is flat
    steps = (torch.arange(16) % 4 < 2).float().expand(8, 1, 16, 16)
    assert best_side(median, Worsened(steps, steps)) == 3
    small = torch.rand(2, 1, 2, 2)
    assert best_side(median, Worsened(small, small)) == 3  # no larger one fits


def test_the_ways_belong_to_what_was_done():
    names = {
        kind: [way.name for way in simple_ways(Worse(kind), Worsened(PICTURES, PICTURES))]
        for kind in ("smaller", "noisy", "covered", "compressed")
    }
    assert names == {
        "smaller": ["repeated", "bicubic"],
        "noisy": ["input", "median", "wiener"],
        "covered": ["input", "median"],
        "compressed": ["input", "median"],
    }


def test_errors_are_told_apart_by_a_mask():
    found, wanted = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    mask = torch.rand(2, 1, 4, 4) < 0.5
    inside, outside = inside_and_outside(found, wanted, mask)
    whole = float(((found - wanted) ** 2).double().sum())
    assert float(inside[0] + outside[0]) == pytest.approx(whole, rel=1e-6)
    assert float(inside[1]) == 3 * int(mask.sum()) and float(outside[1]) == 3 * int((~mask).sum())
