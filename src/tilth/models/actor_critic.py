"""A policy and the value of what it sees, for choices or numbers, from vectors or pictures.

Orthogonal weights with a last layer of the policy near zero, so that it begins by trying
everything (Andrychowicz et al. 2021, "What matters for on-policy deep actor-critic methods?",
section 3.2). From vectors, policy and value share nothing; from pictures, all but the last
layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.nn.distributions import (
    categorical_draw,
    categorical_log_prob_entropy,
    gaussian_entropy,
    gaussian_log_prob,
)
from tilth.nn.judged import Judged
from tilth.nn.observation_encoder import ObservationInput, observation_encoder
from tilth.nn.orthogonal import dense, orthogonal
from tilth.nn.precision import at_least_float32, without_autocast
from tilth.nn.sizes import height_width

FEATURES = 512  # of a picture (Mnih et al. 2015)


class ActorCritic(nn.Module):
    """``actor(encoder(observations))`` decides, ``critic`` of the same features expects.

    log_std: [D] of a Gaussian policy, the same for all observations; None for choices
    """

    def __init__(
        self, encoder: nn.Module, actor: nn.Module, critic: nn.Module, log_std: Tensor | None
    ) -> None:
        super().__init__()
        self.encoder, self.actor, self.critic = encoder, actor, critic
        self.log_std = None if log_std is None else nn.Parameter(log_std)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return [B, K] logits (or [B, D] means) and [B] values."""
        features = self.encoder(observations)
        return self._policy(features), self._values(features)

    def _policy(self, features: Tensor) -> Tensor:
        with without_autocast(features.device):  # bfloat16 would round values to 8 bits
            answer: Tensor = self.actor(at_least_float32(features))
        return answer

    def _values(self, features: Tensor) -> Tensor:
        with without_autocast(features.device):
            values: Tensor = self.critic(at_least_float32(features)).squeeze(1)
        return values

    def judge(self, observations: Tensor, actions: Tensor) -> Judged:
        """Return log-probabilities of ``actions`` [B] or [B, D], entropies and values."""
        return self._judge(self.encoder(observations), actions)

    def _judge(self, features: Tensor, actions: Tensor) -> Judged:
        answer, values = self._policy(features), self._values(features)
        if self.log_std is None:
            return Judged(*categorical_log_prob_entropy(answer, actions), values)
        spread = gaussian_entropy(self.log_std).expand(len(values))
        return Judged(gaussian_log_prob(answer, self.log_std, actions), spread, values)

    @torch.no_grad()
    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Draw from the policy; with explore=0 take the likeliest action."""
        features = self.encoder(observations)
        answer = self._policy(features)
        if explore <= 0:
            return Action(answer.argmax(1) if self.log_std is None else answer, features)
        if self.log_std is None:
            waits = torch.empty_like(answer).exponential_(generator=generator)
            return Action(categorical_draw(answer, waits), features)
        noise = torch.randn(answer.shape, generator=generator, device=answer.device)
        return Action(answer + torch.exp(self.log_std) * noise, features)

    def recall(self, features: Tensor, actions: Tensor) -> dict[str, Tensor]:
        """Return the log-probabilities of actions that were taken, and the values."""
        log_probs, _, values = self._judge(features, actions)
        return {"log_probs": log_probs, "values": values}


def actor_critic(
    *,
    channels: int,
    size: int | Sequence[int] = 1,
    choices: int = 0,
    numbers: int = 0,
    layers: Sequence[int] | None = None,
) -> nn.Module:
    """Return a policy over ``choices`` actions or ``numbers`` numbers, and its values.

    channels, size: of observations [B, channels, *size]; numbers [B, channels] and choices among
    ``channels`` ([B] int64) have size=1
    layers: hidden layers (tanh) of policy and value each; None: 64 and 64 for numbers, none on top
    of the shared layers for pictures
    Raises UserError unless one of ``choices`` and ``numbers`` is given.

    >>> net = actor_critic(channels=4, choices=2)
    >>> logits, values = net(torch.zeros(3, 4))
    >>> logits.shape, values.shape
    (torch.Size([3, 2]), torch.Size([3]))
    """
    if (choices > 0) == (numbers > 0):
        raise UserError(
            f"choices={choices}, numbers={numbers}",
            rule="a policy chooses among actions or gives numbers",
            fix="give one of the two, as the environment's action space says",
        )
    encoder: nn.Module = nn.Sequential(ObservationInput(channels), nn.Flatten())
    features, usual = channels, [64, 64]
    if prod(height_width(size)) > 1:
        convolutions, features = observation_encoder(
            channels=channels, size=size, layers=(FEATURES,), width=32, norm=False
        )
        encoder, usual = orthogonal(convolutions), []
    hidden = usual if layers is None else layers
    actor = dense(features, hidden, choices or numbers, activation=nn.Tanh, gain=0.01)
    critic = dense(features, hidden, 1, activation=nn.Tanh, gain=1.0)
    return ActorCritic(encoder, actor, critic, torch.zeros(numbers) if numbers else None)
