"""The evidence lower bound of a model with latent variables, and tighter bounds to judge it by."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Context, Loss, Term
from tilth.data.noise import NoisyBatch
from tilth.nn.distributions import gaussian_log_prob
from tilth.nn.evidence import kl_to_standard_normal, reparameterised

LATENT = "latent"


class LatentModel(Protocol):
    """What is asked of a model: q(z|x) and p(x|z); the prior is standard normal."""

    def encode(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of q(z|x), each [B, latents]."""
        ...

    def log_likelihood(self, inputs: Tensor, latents: Tensor) -> Tensor:
        """Return [B] log p(x|z), in nats."""
        ...


class Variational(BaseObjective):
    """Minimise -log p(x|z) + beta * KL(q(z|x) || p(z)), one draw of z a row.

    With beta = 1 the negative of the evidence lower bound, in nats (Kingma and Welling 2013,
    equation 10); larger ones press latents to be independent and few (beta-VAE; Higgins et al.
    2017, equation 4). The draw is ``batch.noise["latent"]``, [B, latents] standard normal.

    Its model is a ``LatentModel``, as ``models/vae.py`` gives one.

    >>> from tilth.models.vae import vae
    >>> noise = {"latent": torch.zeros(3, 2)}
    >>> batch = NoisyBatch(torch.zeros(3, 5), torch.zeros(3), torch.arange(3), noise)
    >>> list(Variational(beta=4.0)(vae(shape=(5,), latents=2), batch, None).parts)
    ['reconstruction', 'kl']
    """

    def __init__(self, *, beta: float = 1.0, moves: str = "model") -> None:
        self.beta, self.moves = beta, moves

    def __call__(self, model: nn.Module, batch: NoisyBatch, context: Context) -> Loss:
        """Compute both sums over the rows and their number."""
        fit, divergence = bound_parts(cast(LatentModel, model), batch.inputs, batch.noise[LATENT])
        count = len(batch.rows)
        return Loss(
            {
                "reconstruction": Term(-fit.sum(), count),
                "kl": Term(divergence.sum(), count, weight=self.beta),
            }
        )


def bound_parts(model: LatentModel, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p(x|z) and KL(q(z|x) || p(z)), each [B] in nats; their difference is the bound.

    noise: [B, latents] standard normal, the draws of z
    """
    mean, log_std = model.encode(inputs)
    latents = reparameterised(mean, log_std, noise)
    return model.log_likelihood(inputs, latents), kl_to_standard_normal(mean, log_std).sum(1)


def log_weights(model: LatentModel, inputs: Tensor, noise: Tensor) -> Tensor:
    """Return [k, B] log p(x, z) - log q(z|x) of k draws a row, for ``importance_bound``.

    noise: [k, B, latents] standard normal. One draw at a time, so memory does not grow with k.
    """
    mean, log_std = model.encode(inputs)
    return torch.stack([_log_weight(model, inputs, mean, log_std, draw) for draw in noise])


def _log_weight(
    model: LatentModel, inputs: Tensor, mean: Tensor, log_std: Tensor, noise: Tensor
) -> Tensor:
    latents = reparameterised(mean, log_std, noise)
    zero = torch.zeros_like(mean)
    prior, posterior = (gaussian_log_prob(*q, latents) for q in ((zero, zero), (mean, log_std)))
    return model.log_likelihood(inputs, latents) + prior - posterior
