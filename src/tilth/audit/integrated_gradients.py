"""Integrated gradients: what each pixel adds to an answer, on the way from an empty picture.

Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365, equation 1; the integral by the
Gauss-Legendre rule, which needs fewer points than their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

STEPS = 32


@dataclass(frozen=True)
class Attribution:
    """What each input adds, and what the sum leaves open.

    shares: like the inputs; gap: [B], their sum less the change of the output; 0 where the
    integral is exact (completeness, Sundararajan et al. 2017, section 3)
    change: [B], the output less that of the baseline
    """

    shares: Tensor
    gap: Tensor
    change: Tensor


def integrated_gradients(
    model: nn.Module, inputs: Tensor, baseline: Tensor, classes: Tensor, *, steps: int = STEPS
) -> Attribution:
    """Return what each number of the inputs adds to one output, from a baseline on.

    inputs: [B, ...]; baseline: broadcasts to it, such as a black picture
    classes: [B], the column of the outputs that each row is asked about; steps: of the integral

    >>> found = integrated_gradients(
    ...     nn.Linear(2, 1), torch.ones(1, 2), torch.zeros(1, 2), torch.tensor([0])
    ... )
    >>> abs(float(found.gap)) < 1e-6
    True
    """
    places, weights = np.polynomial.legendre.leggauss(steps)
    way = inputs - baseline
    mean = torch.zeros_like(inputs)
    for place, weight in zip((1 + places) / 2, weights / 2, strict=True):
        asked = (baseline + float(place) * way).detach().requires_grad_()
        with torch.enable_grad():
            total = _answers(model, asked, classes).sum()
            mean += float(weight) * torch.autograd.grad(total, asked)[0]
    with torch.no_grad():
        ends = inputs, baseline.expand_as(inputs)
        reached, begun = (_answers(model, end, classes) for end in ends)
    shares = way * mean
    change = reached - begun
    return Attribution(shares, shares.flatten(1).sum(1) - change, change)


def _answers(model: nn.Module, inputs: Tensor, classes: Tensor) -> Tensor:
    outputs: Tensor = model(inputs)
    return outputs.gather(1, classes[:, None])[:, 0]
