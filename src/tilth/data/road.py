"""Generated roads: where the middle runs, and where the road parts around an island.

A road runs along y, in metres. Its middle is a sum of sines; around an island it parts into two
branches of its own width, which meet again behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tilth.contracts import State

HALF_WIDTH = 2.0  # m, of the road and of each branch
PARTING = 4.0  # m, from the middle of the road to that of a branch, beside an island
OPENING = 14.0  # m of y that the road takes to part, and to meet again
ISLAND = 12.0  # m of y between the two
WAVES = 3
FIRST, SPACING = 80.0, 120.0  # m, where islands lie: the first, and from one to the next
JITTER = 20.0  # m, give or take; no point is then near to two of them


@dataclass
class Road:
    """One road for each copy of a world; positions are [copies, ...] tensors in metres.

    amplitudes [m], wave_numbers [1/m], phases: [copies, 3] of the sines
    islands: [copies, count] y of the islands' middles
    sides: [copies, count] +1 or -1, the branch that who knows the way takes

    >>> road = Road.drawn(2, 300.0, torch.Generator().manual_seed(0))
    >>> road.parting(road.islands).unique()
    tensor([4.])
    """

    amplitudes: Tensor
    wave_numbers: Tensor
    phases: Tensor
    islands: Tensor
    sides: Tensor

    @classmethod
    def drawn(cls, copies: int, length: float, generator: torch.Generator) -> Road:
        """Draw roads of a length in metres; slopes stay below 0.6, islands 40 m from the start."""
        unit = torch.rand(copies, 2 * WAVES, generator=generator)
        wave_numbers = 2 * math.pi / (60.0 + 120.0 * unit[:, :WAVES])
        amplitudes = 0.2 * unit[:, WAVES:] / wave_numbers
        phases = 2 * math.pi * torch.rand(copies, WAVES, generator=generator)
        count = max(1, int((length - 40.0) / SPACING))
        jitter = JITTER * (2 * torch.rand(copies, count, generator=generator) - 1)
        islands = FIRST + SPACING * torch.arange(count) + jitter
        sides = torch.randint(2, (copies, count), generator=generator) * 2.0 - 1.0
        return cls(amplitudes, wave_numbers, phases, islands, sides)

    def middle(self, y: Tensor) -> Tensor:
        """Return x of the road's middle at y [copies, n]."""
        return self._waves(y, torch.sin, self.amplitudes)

    def slope(self, y: Tensor) -> Tensor:
        """Return dx/dy of the road's middle at y [copies, n]."""
        return self._waves(y, torch.cos, self.amplitudes * self.wave_numbers)

    def _waves(self, y: Tensor, wave: Callable[[Tensor], Tensor], heights: Tensor) -> Tensor:
        """Return the sum of the waves, one by one: three times as large tensors are slower."""
        total = torch.zeros_like(y)
        columns = (self.wave_numbers, self.phases, heights)
        for number, phase, height in zip(*(part.unbind(1) for part in columns), strict=True):
            turned = torch.addcmul(phase[:, None], y, number[:, None])
            total.addcmul_(wave(turned), height[:, None])
        return total

    def _parted(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far the road has parted, 0 to 1, and the side to take, at y [copies, n]."""
        nearest = ((y - FIRST) / SPACING).round().long().clamp(0, self.islands.shape[1] - 1)
        outside = (y - self.islands.gather(1, nearest)).abs() - ISLAND / 2
        rest = (1 - outside / OPENING).clamp(0.0, 1.0)
        return rest.square() * (3 - 2 * rest), self.sides.gather(1, nearest)

    def parting(self, y: Tensor) -> Tensor:
        """Return how far the branches' middles are from the road's at y [copies, n]; 0 for one."""
        return PARTING * self._parted(y)[0]

    def way(self, y: Tensor) -> Tensor:
        """Return x of the middle of the branch to take at y [copies, n]."""
        parted, side = self._parted(y)
        aside = PARTING * parted * side
        return self.middle(y) + aside * torch.sqrt(1 + self.slope(y).square())

    def offset(self, x: Tensor, y: Tensor) -> Tensor:
        """Return how far points [copies, n] are from the middle of the nearer branch."""
        across = (x - self.middle(y)).abs_().div_(torch.sqrt(1 + self.slope(y).square()))
        return across.sub_(self.parting(y)).abs_()

    def where(self, ended: Tensor, other: Road) -> Road:
        """Return this road, but that of ``other`` in the copies [copies] that ended."""
        mine, others = self.state_dict(), other.state_dict()
        return Road(
            **{name: torch.where(ended[:, None], others[name], mine[name]) for name in mine}
        )

    def first(self, copies: int) -> Road:
        """Return the roads of the first copies."""
        return Road(**{name: value[:copies] for name, value in self.state_dict().items()})

    def state_dict(self) -> State:
        """Return the tensors."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
