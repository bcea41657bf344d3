"""Giving rows back: sums by hand, the best linear maps in closed form."""

import torch
from torch import nn

from tilth.contracts import Batch
from tilth.data.noise import NoisyBatch
from tilth.models.autoencoder import autoencoder
from tilth.objectives.autoencode import Autoencode

ROWS = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(7, 6, generator=torch.Generator().manual_seed(1))
IDS = torch.arange(7)
PLAIN = Batch(ROWS, torch.zeros(7), IDS)
NOISY = NoisyBatch(ROWS, torch.zeros(7), IDS, {"corruption": NOISE})


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return autoencoder(shape=(6,), latents=2, layers=(5,))


CASES = {
    "Autoencode": {
        "plain": lambda: (Autoencode(), net(), PLAIN),
        "denoising": lambda: (Autoencode(corruption=0.5), net(), NOISY),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def test_the_loss_is_the_squared_error_of_the_rows_as_they_come_back():
    model = net()
    term = Autoencode()(model, PLAIN, None).parts["squared_error"]
    wanted = sum(((model(row[None]) - row) ** 2).sum().item() for row in ROWS)
    torch.testing.assert_close(term.total.item(), wanted, rtol=1e-5, atol=0)
    assert term.count == 7


def test_what_is_seen_is_corrupted_and_what_is_wanted_is_clean():
    model = net()
    term = Autoencode(corruption=0.5)(model, NOISY, None).parts["squared_error"]
    torch.testing.assert_close(term.total, ((model(ROWS + 0.5 * NOISE) - ROWS) ** 2).sum())


def test_the_best_linear_map_from_corrupted_rows_is_the_filter_of_wiener():
    """It has no gradient and the closed form's error, over noise that averages without chance.

    The loss is quadratic in the noise, so plus and minus sqrt(D) along each axis stand for all.
    """
    sigma, size = 0.3, ROWS.shape[1]
    rows = ROWS.double()
    mean, spread = rows.mean(0), torch.cov(rows.T, correction=0)
    weight = spread @ torch.linalg.inv(spread + sigma**2 * torch.eye(size, dtype=torch.float64))
    filtered = nn.Linear(size, size).double()
    filtered.weight.data, filtered.bias.data = weight, mean - weight @ mean
    axes = size**0.5 * torch.cat([torch.eye(size), -torch.eye(size)]).double()
    pairs = [(row, noise) for row in rows for noise in axes]
    seen, noise = (torch.stack(part) for part in zip(*pairs, strict=True))
    batch = NoisyBatch(seen, torch.zeros(len(seen)), torch.arange(len(seen)), {"corruption": noise})
    total = Autoencode(corruption=sigma)(filtered, batch, None).parts["squared_error"].total
    total.backward()
    wanted = torch.trace(spread - weight @ spread)
    torch.testing.assert_close(total / len(seen), wanted, rtol=1e-10, atol=0)
    for parameter in filtered.parameters():
        assert parameter.grad.abs().max() < 1e-10 * len(seen)
