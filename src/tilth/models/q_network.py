"""A net that says what each choice is worth, and acts on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tilth.nn.action import Action
from tilth.nn.observation_encoder import observation_encoder
from tilth.nn.precision import at_least_float32, without_autocast


def q_network(
    *,
    channels: int,
    size: int | Sequence[int] = 1,
    choices: int,
    layers: Sequence[int] = (120, 84),
    width: int = 32,
    norm: bool = True,
) -> QNetwork:
    """Return dense layers, behind three convolutions for pictures of at least 64 px, and a head.

    channels, size: of observations [B, channels, *size]; numbers [B, channels] and choices among
    ``channels`` ([B] int64) have size=1
    choices: how many actions there are to choose from
    layers: widths of the dense layers; width: of the first convolution
    norm: layer normalisation before every ReLU, which learning without a target network needs
    (Gallici et al. 2024); DQN (Mnih et al. 2015) has none
    Raises UserError as ``observation_encoder`` does.

    >>> net = q_network(channels=4, choices=2)
    >>> net(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """
    body, features = observation_encoder(
        channels=channels, size=size, layers=layers, width=width, norm=norm
    )
    return QNetwork(body, nn.Linear(features, choices))


class QNetwork(nn.Module):
    """``head(body(observations))``: [B, choices], what each is expected to gain.

    body: observations -> [B, features]; head: [B, features] -> [B, choices]
    """

    def __init__(self, body: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, observations: Tensor) -> Tensor:
        """Return [B, choices] values."""
        features = self.body(observations)
        with without_autocast(features.device):  # bfloat16 would round values to 8 bits
            values: Tensor = self.head(at_least_float32(features))
        return values

    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Choose the best, or with chance ``explore`` any."""
        values = self(observations)
        best = values.argmax(1)
        if explore <= 0:
            return Action(best, values)
        count, choices = values.shape
        draw: Any = {"generator": generator, "device": values.device}
        random = torch.randint(choices, (count,), **draw)
        explores = torch.rand(count, **draw) < explore
        return Action(torch.where(explores, random, best), values)

    def recall(self, features: Tensor, actions: Tensor) -> dict[str, Tensor]:
        """Return the values of the best choices."""
        return {"values": features.amax(1)}
