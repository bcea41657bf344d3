"""PSNR and SSIM against closed forms and the definition written out."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from tilth.tasks._picture_quality import signal_to_noise, structural_similarity

STREAM = np.random.default_rng(0)
WANTED = STREAM.random((3, 2, 20, 17))
FOUND = np.clip(WANTED + STREAM.normal(0, 0.1, WANTED.shape), 0, 1)


def gaussian(side):
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    weights = np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))
    return weights / weights.sum()


def by_definition(x, y, side):
    """Wang et al. 2004, equations 13 to 16, at every place of the window, for one channel."""
    weights = gaussian(side)

    def mean(values):
        return convolve2d(values, weights, mode="valid")

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2
    cov, c1, c2 = mean(x * y) - mu_x * mu_y, 0.01**2, 0.03**2
    top = (2 * mu_x * mu_y + c1) * (2 * cov + c2)
    return (top / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))).mean()


def test_ssim_is_its_definition():
    found = structural_similarity(torch.from_numpy(FOUND), torch.from_numpy(WANTED))
    for row in range(3):
        channels = [by_definition(FOUND[row, c], WANTED[row, c], 11) for c in range(2)]
        assert float(found[row]) == pytest.approx(np.mean(channels), abs=1e-9)


@pytest.mark.parametrize(("height", "width", "side"), [(8, 20, 7), (7, 7, 7), (11, 30, 11)])
def test_small_pictures_have_a_small_window(height, width, side):
    x, y = STREAM.random((2, height, width))
    found = structural_similarity(torch.from_numpy(x)[None, None], torch.from_numpy(y)[None, None])
    assert float(found) == pytest.approx(by_definition(x, y, side), abs=1e-9)


def test_ssim_of_flat_pictures_is_its_closed_form():
    first, second = (torch.full((1, 1, 16, 16), tone) for tone in (0.2, 0.6))
    wanted = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(structural_similarity(first, second)) == pytest.approx(wanted, abs=1e-6)


def test_psnr_is_its_definition_and_has_an_end():
    found = signal_to_noise(torch.from_numpy(FOUND), torch.from_numpy(WANTED))
    for row in range(3):
        error = ((FOUND[row] - WANTED[row]) ** 2).mean()
        assert float(found[row]) == pytest.approx(10 * math.log10(1 / error))
    same = torch.rand(1, 3, 8, 8)
    assert float(signal_to_noise(same, same)) == 100
