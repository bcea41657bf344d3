"""A number from a picture, as a mixture of Gaussians: it can say "left or right, not between".

Bishop 1994 ("Mixture density networks"); for steering, Amini et al. 2019 ("Variational
end-to-end navigation and localization", section III).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tilth.nn.action import Action
from tilth.nn.distributions import between, categorical_draw
from tilth.nn.observation_encoder import LEAST, observation_encoder

LEAST_LOG_STD, LARGEST_LOG_STD = -5.0, 1.0  # so that no Gaussian shrinks to a point


class Mixture(NamedTuple):
    """K Gaussians of one number for each row; each is [B, K].

    logits: of the weights
    """

    logits: Tensor
    means: Tensor
    log_stds: Tensor

    def mode(self) -> Tensor:
        """Return [B] the mean of the Gaussian with the highest peak (weight over deviation)."""
        peak = torch.log_softmax(self.logits, 1) - self.log_stds
        return self.means.gather(1, peak.argmax(1, keepdim=True)).squeeze(1)

    def mean(self) -> Tensor:
        """Return [B] the mean of the whole mixture."""
        return (torch.softmax(self.logits, 1) * self.means).sum(1)


class MixtureDensity(nn.Module):
    """``head(body(observations))``: three numbers for each Gaussian."""

    def __init__(self, body: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, observations: Tensor) -> Mixture:
        """Return the mixture of each row."""
        logits, means, free = self.head(self.body(observations)).chunk(3, dim=1)
        return Mixture(logits, means, between(free, LEAST_LOG_STD, LARGEST_LOG_STD))

    @torch.no_grad()
    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Draw from the mixture, [B, 1]; with explore=0 take its highest peak."""
        mixture = self(observations)
        if explore <= 0:
            return Action(mixture.mode()[:, None])
        waits = torch.empty_like(mixture.logits).exponential_(generator=generator)
        chosen = categorical_draw(mixture.logits, waits)[:, None]
        means, log_stds = mixture.means.gather(1, chosen), mixture.log_stds.gather(1, chosen)
        noise = torch.randn(means.shape, generator=generator, device=means.device)
        return Action(means + log_stds.exp() * noise)


def mixture_density(
    *,
    channels: int,
    size: int | Sequence[int] = 1,
    components: int = 3,
    layers: Sequence[int] = (256,),
    width: int = 32,
) -> nn.Module:
    """Return dense layers, behind convolutions for pictures, and ``components`` Gaussians.

    channels, size: of observations [B, channels, *size]; numbers [B, channels] have size=1,
    pictures below 36 px are flattened
    layers: widths of the dense layers; width: of the first convolution

    >>> mixture_density(channels=3, size=(36, 64))(torch.zeros(5, 3, 36, 64)).means.shape
    torch.Size([5, 3])
    """
    body, features = observation_encoder(
        channels=channels, size=size, layers=layers, width=width, norm=False, convolve_from=LEAST
    )
    return MixtureDensity(body, nn.Linear(features, 3 * components))
