"""What a critic pays for its slope, per row: gradient penalty and R1.

Sources: Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028, equation 3) and Mescheder,
Geiger and Nowozin 2018 (https://arxiv.org/abs/1801.04406, equation 9). Both need the gradient of
a gradient, so the critic must not mix rows: with batch norm a row's slope is not its own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def slopes(scores: Tensor, samples: Tensor) -> Tensor:
    """Return [B, values], the gradient of each score by its own sample, itself differentiable.

    scores: of ``samples`` [B, ...], which require a gradient
    """
    (found,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
    return found.flatten(1)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """Return [B], (norm of the slope - 1)^2 at points between real and generated samples.

    mix: [B] uniform in [0, 1), the share of the real sample

    >>> def linear(samples):
    ...     return samples @ torch.tensor([3.0, 4.0])
    >>> gradient_penalty(linear, torch.ones(2, 2), torch.zeros(2, 2), torch.rand(2))
    tensor([16., 16.])
    """
    share = mix.reshape(-1, *[1] * (real.dim() - 1))
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    norms: Tensor = slopes(critic(between), between).norm(dim=1)
    return (norms - 1).square()


def squared_slope(scores: Tensor, samples: Tensor) -> Tensor:
    """Return [B], the squared norm of the slope; R1 is gamma / 2 times its mean over real ones.

    >>> samples = torch.ones(2, 2, requires_grad=True)
    >>> squared_slope(samples @ torch.tensor([3.0, 4.0]), samples)
    tensor([25., 25.])
    """
    return slopes(scores, samples).square().sum(dim=1)
