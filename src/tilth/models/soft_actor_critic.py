"""The networks of soft actor-critic: a tanh-Gaussian policy, two critics and a temperature.

Haarnoja et al. 2018 ("Soft actor-critic algorithms and applications"). Actions are seen by all
networks in [-1, 1]; what the world gets is stretched to its bounds, which changes entropies by a
constant only. The logarithm of the standard deviation is kept in [-5, 2] smoothly, where the
paper clips it to [-20, 2], so that it keeps a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.nn.distributions import between, tanh_gaussian

LEAST_LOG_STD, LARGEST_LOG_STD = -5.0, 2.0


class SoftActor(nn.Module):
    """Mean and log of the standard deviation, before tanh, of each number of an action."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return [B, D] means and [B, D] log standard deviations."""
        mean, free = self.body(observations).chunk(2, dim=1)
        return mean, between(free, LEAST_LOG_STD, LARGEST_LOG_STD)


class TwinCritics(nn.Module):
    """Two nets of their own that value what is seen and done."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, observations: Tensor, units: Tensor) -> Tensor:
        """Return [2, B] values of actions [B, D] in [-1, 1]."""
        both = torch.cat([observations, units], dim=1)
        return torch.stack([self.first(both).squeeze(1), self.second(both).squeeze(1)])


class Temperature(nn.Module):
    """The weight of the entropy, kept positive by its logarithm; it begins at 1.

    >>> Temperature()()
    tensor(1., grad_fn=<ExpBackward0>)
    """

    def __init__(self) -> None:
        super().__init__()
        self.logarithm = nn.Parameter(torch.zeros(()))

    def forward(self) -> Tensor:
        """Return the temperature."""
        return self.logarithm.exp()


class SoftActorCritic(nn.Module):
    """Three players (``actor``, ``critics``, ``temperature``) and the bounds of the actions.

    low, high: [D], what -1 and 1 stand for
    """

    low: Tensor
    high: Tensor

    def __init__(self, actor: SoftActor, critics: TwinCritics, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.actor, self.critics, self.temperature = actor, critics, Temperature()
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, observations: Tensor) -> Tensor:
        """Return [B, D] the actions of the policy without chance."""
        return self.stretched(torch.tanh(self.actor(observations)[0]))

    def drawn(self, observations: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions [B, D] in [-1, 1] made of standard normal noise, and [B] log-densities."""
        mean, log_std = self.actor(observations)
        return tanh_gaussian(mean, log_std, noise)

    def stretched(self, units: Tensor) -> Tensor:
        """Return actions from [-1, 1] between their bounds."""
        return self.low + (units + 1) / 2 * (self.high - self.low)

    def units(self, actions: Tensor) -> Tensor:
        """Return actions between their bounds as [-1, 1]."""
        return 2 * (actions - self.low) / (self.high - self.low) - 1

    @torch.no_grad()
    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Draw from the policy; with explore=0 take tanh of its mean."""
        if explore <= 0:
            return Action(self(observations))
        shape, device = (len(observations), len(self.low)), observations.device
        noise = torch.randn(shape, generator=generator, device=device)
        return Action(self.stretched(self.drawn(observations, noise)[0]))


def soft_actor_critic(
    *,
    channels: int,
    low: Sequence[float],
    high: Sequence[float],
    layers: Sequence[int] = (256, 256),
) -> nn.Module:
    """Return dense networks for observations of ``channels`` numbers.

    low, high: bounds of each number of an action; layers: hidden layers (ReLU) of each network
    Raises UserError where bounds are missing, infinite or not in order.

    >>> net = soft_actor_critic(channels=3, low=(-2.0,), high=(2.0,))
    >>> sorted(name for name, _ in net.named_children())
    ['actor', 'critics', 'temperature']
    """
    least, most = torch.tensor([*low]), torch.tensor([*high])
    if len(least) != len(most) or not len(least) or not bool((most - least).isfinite().all()):
        raise UserError(f"low={low!r}, high={high!r}", rule="each number has two finite bounds")
    if not bool((least < most).all()):
        raise UserError(f"low={low!r}, high={high!r}", rule="low is below high")
    wide = len(least)
    actor = SoftActor(relu_net(channels, layers, 2 * wide))
    critics = TwinCritics(*(relu_net(channels + wide, layers, 1) for _ in range(2)))
    return SoftActorCritic(actor, critics, least, most)


def relu_net(inputs: int, layers: Sequence[int], outputs: int) -> nn.Sequential:
    """Return linear layers with ReLU between them, as torch begins them."""
    parts: list[nn.Module] = []
    for width in layers:
        parts += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*parts, nn.Linear(inputs, outputs))
