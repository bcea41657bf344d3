"""Features of a small net with fixed random weights, for pictures that no trained net knows.

Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tilth.models.two_conv import two_conv
from tilth.nn.features import features
from tilth.train.streams import seeded

SIZES = {"width": 8, "hidden": 256}


class FixedNet(nn.Module):
    """Features of a body, with mean 0 and mean square 1 over the pictures that it was scaled by.

    One scale for all features: a unit that is hardly ever on would outshout the others.
    """

    def __init__(self, body: nn.Module, known: Tensor) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        raw = torch.from_numpy(features(body, known))
        self.middle, self.spread = nn.Buffer(raw.mean(0)), nn.Buffer(_spread(raw))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return [B, D] float64 features."""
        found: Tensor = (self.body(pictures).double() - self.middle) / self.spread
        return found


def fixed_net(shape: Mapping[str, Any], known: Tensor) -> FixedNet:
    """Return the net, the same for every run, on the CPU.

    shape: channels and size of the pictures; known: [N, C, H, W] that features are scaled by

    >>> pictures = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> found = fixed_net({"channels": 1, "size": 8}, pictures)(pictures)
    >>> round(float(found.square().mean()), 6)
    1.0
    """
    with seeded(0, torch.device("cpu")):  # the same for every run, so that runs compare
        net: Any = two_conv(**shape, outputs=1, **SIZES)
    return FixedNet(net.body, known)


def _spread(raw: Tensor) -> Tensor:
    return raw.var(0, correction=0).mean().sqrt().clamp(min=1e-12)
