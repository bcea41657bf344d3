"""A variational autoencoder (Kingma and Welling 2013; Rezende et al. 2014).

Its Gaussian likelihood learns one standard deviation for all numbers of a row, in the way of
Rybkin et al. 2021 ("sigma-VAE"), which weighs reconstruction against the prior without a constant
to choose. One for all, and not one a number: a pixel that never changes would be worth an
unlimited density.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import choose
from tilth.nn.distributions import gaussian_log_prob
from tilth.nn.encoder_decoder import encoder_decoder
from tilth.nn.precision import at_least_float32

LIKELIHOODS = ("gaussian", "bernoulli")
START_LOG_STD = -2.0
"""Begun at 0, as wide as rows of unit scale, latents collapse before it falls (docs/log.md)."""


class VariationalAutoencoder(nn.Module):
    """Rows x with latents z: prior N(0, 1), likelihood p(x|z), approximate posterior q(z|x).

    encoder: [B, *shape] -> [B, 2 * latents]: means, then logarithms of standard deviations
    decoder: [B, latents] -> [B, *shape]: means of a Gaussian or logits of Bernoulli numbers
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, latents: int, likelihood: str
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.latents = encoder, decoder, latents
        self.likelihood = choose(likelihood, LIKELIHOODS, "likelihood")
        if likelihood == "gaussian":
            self.log_std = nn.Parameter(torch.tensor(START_LOG_STD))

    def encode(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of q(z|x), each [B, latents]."""
        mean, log_std = at_least_float32(self.encoder(inputs)).chunk(2, dim=1)
        return mean, log_std

    def decode(self, latents: Tensor) -> Tensor:
        """Return the expected rows [B, *shape], in the scale of the inputs."""
        found = at_least_float32(self.decoder(latents))
        return found if self.likelihood == "gaussian" else torch.sigmoid(found)

    def sample(self, noise: Tensor) -> Tensor:
        """Return the expected rows of latents drawn from the prior.

        noise: [N, latents] standard normal
        """
        return self.decode(noise)

    def log_likelihood(self, inputs: Tensor, latents: Tensor) -> Tensor:
        """Return [B] log p(x|z), in nats: a density for Gaussian, a probability for Bernoulli."""
        found = at_least_float32(self.decoder(latents)).flatten(1)
        rows = inputs.flatten(1).to(found.dtype)
        if self.likelihood == "gaussian":
            return gaussian_log_prob(found, self.log_std, rows)
        return -F.binary_cross_entropy_with_logits(found, rows, reduction="none").sum(1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the rows as they come back by the means of their latents, [B, *shape]."""
        return self.decode(self.encode(inputs)[0])


def vae(
    *,
    shape: Sequence[int],
    latents: int,
    likelihood: str = "gaussian",
    blocks: str = "dense",
    layers: Sequence[int] | None = None,
) -> VariationalAutoencoder:
    """Return a variational autoencoder of ``latents`` numbers a row.

    shape: of one row, (numbers,) or (channels, height, width)
    likelihood: "gaussian" for numbers, "bernoulli" for numbers that are 0 or 1
    blocks: "dense" or, for pictures, "convolutional"
    layers: widths from the rows inwards; None takes (512, 256) dense units or (32, 64) channels,
    and dense blocks with no layers are linear: such a net is probabilistic PCA (Lucas et al. 2019)

    >>> net = vae(shape=(1, 8, 8), latents=2, likelihood="bernoulli")
    >>> net.sample(torch.zeros(3, 2)).shape
    torch.Size([3, 1, 8, 8])
    """
    parts = encoder_decoder(shape, 2 * latents, latents, blocks=blocks, layers=layers)
    return VariationalAutoencoder(*parts, latents, likelihood)
