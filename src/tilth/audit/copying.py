"""Does a generator give its training rows back?

A made row is taken for a copy where its nearest training row is less than a third as far as the
one after (Yoon et al. 2023, "Diffusion probabilistic models generalize when they fail to
memorize", section 3). In few dimensions that happens by chance, so the share of real test rows of
which it holds stands beside, and only what goes beyond it is called copying.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from tilth.errors import UserError

THIRD = 1 / 3
MORE_COPIES = 0.1  # share of made rows beyond that of test rows


class Nearest(NamedTuple):
    """places: [N] of the nearest training rows; distances: [N, 2] of the two nearest."""

    places: Tensor
    distances: Tensor

    def copies(self) -> float:
        """Return the share of rows that are nearer to one training row than to any other."""
        return float((self.distances[:, 0] < THIRD * self.distances[:, 1]).double().mean())


@dataclass(frozen=True)
class Copying:
    """Shares of made rows and of real test rows that look like copies of a training row."""

    made: float
    real: float

    @property
    def found(self) -> bool:
        """Whether made rows look copied more often than rows that cannot be copies."""
        return self.made - self.real > MORE_COPIES

    def line(self) -> str:
        """Return in a sentence how often rows look copied."""
        shares = (
            f"{100 * self.made:.1f} % of the made rows and {100 * self.real:.1f} % of test rows"
        )
        said = f"{shares} are three times as near to one training row as to any other."
        if self.found:
            said += " It gives training rows back. Fix: train it shorter, or give it more rows."
        return said


def nearest(rows: Tensor, train: Iterable[Tensor]) -> Nearest:
    """Return the nearest training rows of ``rows`` [N, ...]; train: pieces [M, ...] of them.

    Raises UserError for less than two training rows.

    >>> train = [torch.tensor([[4.0]]), torch.tensor([[1.0]])]
    >>> found = nearest(torch.tensor([[0.0], [5.0]]), train)
    >>> found.places.tolist(), found.distances.tolist()
    ([1, 0], [[1.0, 4.0], [1.0, 4.0]])
    """
    flat = rows.flatten(1)
    distances, places = (
        flat.new_full((len(rows), 2), float("inf")),
        torch.zeros(len(rows), 2).long(),
    )
    seen = 0
    for piece in train:
        every = torch.cat([distances, torch.cdist(flat, piece.flatten(1))], dim=1)
        named = torch.arange(seen, seen + len(piece)).expand(len(rows), -1)
        distances, order = every.topk(2, dim=1, largest=False)
        places = torch.cat([places, named], dim=1).gather(1, order)
        seen += len(piece)
    if seen < 2:
        raise UserError(f"{seen} training rows", rule="the two nearest are compared")
    return Nearest(places[:, 0], distances)
