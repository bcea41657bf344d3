"""Draws from a Gaussian, against NumPy's mean and covariance."""

import numpy as np
import torch

from tilth.audit.gaussian_rows import gaussian_rows, gaussian_rows_by_label

STREAM = torch.Generator().manual_seed(0)
MIXED = torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.5, 0.2], [0.0, 0.0, 0.1]])
TRAIN = torch.randn(500, 3, generator=STREAM) @ MIXED + torch.tensor([0.0, 2.0, -1.0])


def test_draws_have_the_mean_and_the_covariance_of_train():
    drawn = gaussian_rows(TRAIN, 50_000, seed=0).numpy()
    assert np.allclose(drawn.mean(0), TRAIN.numpy().mean(0), atol=0.02)
    assert np.allclose(np.cov(drawn.T), np.cov(TRAIN.numpy().T), atol=0.03)
    assert np.array_equal(gaussian_rows(TRAIN, 5, seed=1), gaussian_rows(TRAIN, 5, seed=1))


def test_pictures_keep_their_shape_and_their_range():
    pictures = torch.rand(20, 1, 4, 4, generator=STREAM) * 2 - 1
    drawn = gaussian_rows(pictures, 300, seed=0)
    assert drawn.shape == (300, 1, 4, 4)
    assert drawn.min() >= pictures.min() and drawn.max() <= pictures.max()


def test_each_label_has_its_own():
    train = torch.cat([TRAIN, TRAIN + 100])
    known = torch.arange(1000) // 500
    labels = torch.tensor([0, 1, 1, 0, 7])
    drawn = gaussian_rows_by_label(train, known, labels, seed=0)
    assert (drawn[:, 1] > 50).tolist()[:4] == [False, True, True, False]
