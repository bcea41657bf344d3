"""A table of what each choice is worth in each state: values without a network."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.nn.sizes import height_width


def q_table(*, channels: int, size: int | Sequence[int] = 1, choices: int) -> QTable:
    """Return a table of zeros with a row for each numbered state and a column for each choice.

    channels: how many states there are; size: 1, for a state is one number
    choices: how many actions there are to choose from
    Raises UserError for a size that numbers have, or pictures.

    >>> q_table(channels=16, choices=4).values.shape
    torch.Size([16, 4])
    """
    if prod(height_width(size)) != 1:
        raise UserError(f"size={size}", rule="a table has a row for each state, not for pictures")
    return QTable(channels, choices)


class QTable(nn.Module):
    """[B] int64 states -> [B, choices] values, zeros at first.

    >>> QTable(states=3, choices=2)(torch.tensor([0, 2])).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, states: int, choices: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(states, choices))

    def forward(self, states: Tensor) -> Tensor:
        """Return the rows of these states."""
        return self.values[states]

    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Choose the best, or with chance ``explore`` any; exploring also breaks ties by chance."""
        values = self(observations)
        best = values.max(1)
        if explore <= 0:
            return Action(best.indices, values)
        draws = torch.rand(*values.shape, generator=generator, device=values.device)
        explores = torch.rand(len(values), generator=generator, device=values.device) < explore
        among = explores[:, None] | (values == best.values[:, None])
        return Action((draws * among).argmax(1), values)

    def recall(self, features: Tensor, actions: Tensor) -> dict[str, Tensor]:
        """Return the values of the best choices."""
        return {"values": features.amax(1)}
