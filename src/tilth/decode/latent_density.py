"""Densities over the codes of an autoencoder: what to draw from so that decoding makes new rows.

A code has no density of its own (Ghosh et al. 2020, "From variational to deterministic
autoencoders", section 4: fitted after training, one Gaussian or ten).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal


@dataclass(frozen=True)
class LatentDensity:
    """A mixture of K Gaussians with full covariances; K = 1 is one Gaussian.

    weights: [K], summing to 1; means: [K, D]; covariances: [K, D, D]; all float64
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def log_density(self, latents: Tensor) -> Tensor:
        """Return [N] the logarithm of the density of [N, D] codes, in nats."""
        parts = MultivariateNormal(self.means, self.covariances)
        mixture: Any = MixtureSameFamily(Categorical(self.weights), parts)
        found: Tensor = mixture.log_prob(latents.to(self.means))
        return found

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return [count, D] float32 codes drawn with ``generator`` (on the CPU)."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], dtype=self.means.dtype, generator=generator)
        spread = torch.linalg.cholesky(self.covariances)[chosen]
        codes: Tensor = self.means[chosen] + (spread @ noise[..., None]).squeeze(-1)
        return codes.float()


def standard_normal(latents: int) -> LatentDensity:
    """Return the prior of a variational autoencoder with so many latents.

    >>> round(float(standard_normal(2).log_density(torch.zeros(1, 2))), 4)
    -1.8379
    """
    one = torch.eye(latents, dtype=torch.float64)[None]
    return LatentDensity(one.new_ones(1), one.new_zeros(1, latents), one)


def gaussian_density(latents: Tensor) -> LatentDensity:
    """Return the Gaussian of largest likelihood: mean and covariance (over N) of [N, D] codes.

    >>> found = gaussian_density(torch.tensor([[0.0], [2.0]]))
    >>> found.means.tolist(), found.covariances.tolist()
    ([[1.0]], [[[1.0]]])
    """
    codes = latents.double().cpu()
    covariance = torch.cov(codes.T, correction=0).reshape(1, codes.shape[1], codes.shape[1])
    weights = torch.ones(1, dtype=torch.float64)
    return LatentDensity(weights, codes.mean(0, keepdim=True), covariance)


def mixture_density(latents: Tensor, *, parts: int, seed: int = 0) -> LatentDensity:
    """Return a mixture of ``parts`` Gaussians fitted to [N, D] codes by scikit-learn's EM.

    >>> codes = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> sorted(round(mean, 2) for (mean,) in mixture_density(codes, parts=2).means.tolist())
    [0.05, 5.05]
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        # a mixture that could still gain a little is a density too
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianMixture(parts, random_state=seed).fit(latents.double().cpu().numpy())
    found = (fitted.weights_, fitted.means_, fitted.covariances_)
    return LatentDensity(*(torch.from_numpy(part) for part in found))
