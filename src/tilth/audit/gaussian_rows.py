"""The simplest way to make rows up: draws from a Gaussian of train's mean and covariance."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.randomness import fold


def gaussian_rows(train: Tensor, count: int, *, seed: int) -> Tensor:
    """Return [count, ...] draws with the mean and the covariance of ``train`` [N, ...].

    Sums of the centred rows with standard normal weights, over the root of N - 1, have exactly
    their covariance, which is therefore never made. Values are cut to train's least and most.

    >>> gaussian_rows(torch.zeros(5, 2), 3, seed=0).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    flat = train.flatten(1)
    mean = flat.mean(0)
    generator = torch.Generator().manual_seed(fold(seed, "gaussian"))
    weights = torch.randn(count, len(train), generator=generator) / max(1, len(train) - 1) ** 0.5
    drawn: Tensor = mean + weights @ (flat - mean)
    return drawn.clamp(flat.min(), flat.max()).reshape(count, *train.shape[1:])


def gaussian_rows_by_label(train: Tensor, known: Tensor, labels: Tensor, *, seed: int) -> Tensor:
    """Return a draw for each of ``labels`` [N], from the rows of ``train`` with that label.

    known: [rows] labels of ``train``; a label that none of them has is drawn from them all
    """
    made = train.new_zeros(len(labels), *train.shape[1:])
    for label in torch.unique(labels).tolist():
        places, own = labels == label, train[known == label]
        count = int(places.sum())
        made[places] = gaussian_rows(own if len(own) else train, count, seed=fold(seed, label))
    return made
