"""Gradient reversal: the identity forwards, the negated and scaled gradient backwards.

Ganin and Lempitsky 2015, "Unsupervised Domain Adaptation by Backpropagation", equations 4 to 6;
Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks", section 4.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, features: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradients[0], None


def reverse_gradient(features: Tensor, strength: float) -> Tensor:
    """Return ``features``, whose gradient is multiplied by ``-strength`` on its way back.

    >>> features = torch.ones(2, requires_grad=True)
    >>> reverse_gradient(features, 0.5).sum().backward()
    >>> features.grad
    tensor([-0.5000, -0.5000])
    """
    reversed_features: Tensor = _Reverse.apply(features, strength)
    return reversed_features
