"""Log-probabilities, entropies and draws of the distributions that policies are made of.

Pure functions of tensors. Where something is drawn, its noise is given, so that the same noise
gives the same answer wherever it came from.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_TWO_PI = math.log(2 * math.pi)


def between(free: Tensor, low: float, high: float) -> Tensor:
    """Return any numbers as numbers between two bounds, by tanh: in the middle for 0.

    >>> between(torch.tensor([-100.0, 0.0, 100.0]), -5.0, 2.0)
    tensor([-5.0000, -1.5000,  2.0000])
    """
    return low + (high - low) / 2 * (torch.tanh(free) + 1)


def categorical_log_prob_entropy(logits: Tensor, choices: Tensor) -> tuple[Tensor, Tensor]:
    """Return [B] the log-probability of [B] choices under [B, K] logits, and [B] entropies in nats.

    >>> log_probs, entropies = categorical_log_prob_entropy(torch.zeros(1, 4), torch.tensor([2]))
    >>> log_probs.exp(), entropies.exp()
    (tensor([0.2500]), tensor([4.]))
    """
    log_probs = F.log_softmax(logits, dim=-1)
    entropies = -(log_probs.exp() * log_probs).sum(-1)
    return log_probs.gather(-1, choices[..., None]).squeeze(-1), entropies


def categorical_draw(logits: Tensor, waits: Tensor) -> Tensor:
    """Return [B] int64 choices drawn from [B, K] logits with [B, K] standard exponential numbers.

    Whoever comes first, where choice k waits ``waits[k] / exp(logits[k])``: the Gumbel-max trick,
    for minus the logarithm of an exponential number is Gumbel's (Maddison et al. 2014, "A*
    Sampling", section 2).

    >>> categorical_draw(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 2.0]]))  # 1 and 0.74
    tensor([1])
    """
    return (logits - waits.log()).argmax(-1)


def gaussian_log_prob(mean: Tensor, log_std: Tensor, values: Tensor) -> Tensor:
    """Return [B] the log-density of [B, D] values under independent Gaussians.

    mean: [B, D]; log_std: [D] or [B, D] natural logarithm of the standard deviation

    >>> round(float(gaussian_log_prob(torch.zeros(1, 2), torch.zeros(2), torch.zeros(1, 2))), 4)
    -1.8379
    """
    scaled = (values - mean) * torch.exp(-log_std)
    return (-0.5 * scaled.square() - log_std - 0.5 * LOG_TWO_PI).sum(-1)


def gaussian_entropy(log_std: Tensor) -> Tensor:
    """Return the entropy, in nats, of independent Gaussians, summed over the last dimension.

    >>> round(float(gaussian_entropy(torch.zeros(1))), 4)
    1.4189
    """
    return (log_std + 0.5 + 0.5 * LOG_TWO_PI).sum(-1)


def log_tanh_slope(values: Tensor) -> Tensor:
    """Return log(1 - tanh(values)^2), also where tanh has become 1 in the number type.

    Written as 2 (log 2 - x - softplus(-2x)), which is exact for large |x| (Haarnoja et al. 2018,
    appendix C, in the form of the OpenAI Spinning Up code).

    >>> log_tanh_slope(torch.tensor([0.0, 20.0]))
    tensor([  0.0000, -38.6137])
    """
    return 2.0 * (math.log(2.0) - values - F.softplus(-2.0 * values))


def tanh_gaussian(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return [B, D] tanh(mean + std * noise) and [B] its log-density.

    noise: [B, D] standard normal. The density is that of the Gaussian over the slope of tanh
    (Haarnoja et al. 2018, equation 21).

    >>> actions, log_probs = tanh_gaussian(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
    >>> float(actions), round(float(log_probs), 4)
    (0.0, -0.9189)
    """
    before = mean + torch.exp(log_std) * noise
    gaussian = -0.5 * noise.square() - log_std - 0.5 * LOG_TWO_PI
    return torch.tanh(before), (gaussian - log_tanh_slope(before)).sum(-1)


def gaussian_mixture_log_prob(
    logits: Tensor, means: Tensor, log_stds: Tensor, values: Tensor
) -> Tensor:
    """Return [B] the log-density of [B] values under a mixture of K Gaussians in one dimension.

    logits: [B, K] of the weights; means: [B, K]; log_stds: [B, K] (Bishop 1994, equation 22)

    >>> one = torch.zeros(1, 3)
    >>> round(float(gaussian_mixture_log_prob(one, one, one, torch.zeros(1))), 4)
    -0.9189
    """
    scaled = (values[..., None] - means) * torch.exp(-log_stds)
    each = -0.5 * scaled.square() - log_stds - 0.5 * LOG_TWO_PI
    return torch.logsumexp(F.log_softmax(logits, dim=-1) + each, dim=-1)
