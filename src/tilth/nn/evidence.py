"""Bounds on the log-evidence log p(x) of models with latent variables, in nats.

Pure functions of tensors. A posterior q(z|x) and a prior p(z) are independent Gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def kl_to_standard_normal(mean: Tensor, log_std: Tensor) -> Tensor:
    """Return the divergence KL(N(mean, std^2) || N(0, 1)) of each latent, in nats.

    mean, log_std: [B, D]; the answer too (Kingma and Welling 2013, appendix B, before its sum)

    >>> kl_to_standard_normal(torch.tensor([0.0, 2.0]), torch.zeros(2))
    tensor([0., 2.])
    """
    return 0.5 * (mean.square() + torch.exp(2 * log_std) - 1) - log_std


def reparameterised(mean: Tensor, log_std: Tensor, noise: Tensor) -> Tensor:
    """Return draws of N(mean, std^2) as a function of standard normal noise of the same shape.

    Gradients pass through it to mean and log_std (Kingma and Welling 2013, section 2.4).

    >>> reparameterised(torch.tensor([3.0]), torch.zeros(1), torch.tensor([-1.0]))
    tensor([2.])
    """
    return mean + torch.exp(log_std) * noise


def importance_bound(log_weights: Tensor) -> Tensor:
    """Return [B] the importance-weighted bound log(1/k sum of w) <= log p(x), in nats.

    log_weights: [k, B] log p(x, z) - log q(z|x) of k draws z ~ q(z|x). With k = 1 its mean is the
    evidence lower bound; it grows with k towards log p(x) (Burda et al. 2016, equation 8 and
    theorem 1).

    >>> importance_bound(torch.tensor([[1.0], [3.0]]).log()).exp()
    tensor([2.])
    """
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def nested_bounds(log_weights: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return, for each number of draws, [B] the importance-weighted bound by the same draws.

    log_weights: [k, B]; sizes: numbers of draws that divide k. Draws are taken in groups of that
    size, and the bounds of the groups averaged. Where each size divides the next, no bound is below
    the one before, for any draws and not on average alone: the logarithm of a mean is not below
    the mean of logarithms.

    >>> [round(float(one), 3) for one in nested_bounds(torch.tensor([[0.0], [2.0]]), (1, 2))]
    [1.0, 1.434]
    """
    groups = [
        log_weights.reshape(-1, size, *log_weights.shape[1:]).transpose(0, 1) for size in sizes
    ]
    return [importance_bound(one).mean(0) for one in groups]
