"""Hand-made kernels against SciPy."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from sklearn.datasets import load_digits

from tilth.audit.kernels import KERNELS, edges, filtered

DIGITS = torch.from_numpy(load_digits().images[:4] / 16)[:, None]


@pytest.mark.parametrize("name", KERNELS)
def test_they_are_scipys_correlation(name):
    kernel = torch.tensor(KERNELS[name], dtype=torch.float64)
    found = filtered(DIGITS, kernel)
    for picture, own in zip(DIGITS[:, 0], found[:, 0], strict=True):
        wanted = correlate2d(picture.numpy(), kernel.numpy(), mode="same")
        assert np.abs(own.numpy() - wanted).max() < 1e-6


def test_channels_are_filtered_one_by_one():
    colours = torch.cat([DIGITS[:1], DIGITS[1:2], 0 * DIGITS[:1]], dim=1)
    kernel = torch.tensor(KERNELS["sharpen"])
    found = filtered(colours, kernel)
    assert torch.equal(found[:, :2], torch.cat([filtered(DIGITS[i : i + 1], kernel)
                                                for i in (0, 1)], dim=1))  # fmt: skip
    assert not found[:, 2].any()


def test_an_edge_is_as_steep_whichever_way_it_runs():
    step = torch.zeros(1, 1, 9, 9)
    step[..., 5:] = 1.0
    assert float(edges(step)[0, 0, 4, 4]) == float(edges(step.mT)[0, 0, 4, 4]) == 4.0
    assert float(edges(step)[0, 0, 4, 2]) == 0.0
