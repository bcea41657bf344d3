"""What restores pictures without learning: the ways that a restorer has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tilth.data.worse import Worse, Worsened
from tilth.models.super_resolution import enlarged
from tilth.tasks._picture_quality import signal_to_noise

SIDES = (3, 5, 7)  # px of a window; the best on train is taken


@dataclass(frozen=True)
class SimpleWay:
    """What it is called, what it is in words, and from pictures [B, C, h, w] to those restored."""

    name: str
    what: str
    restore: Callable[[Tensor], Tensor]


def simple_ways(worse: Worse, train: Worsened) -> list[SimpleWay]:
    """Return the ways to compare with; train: some pairs, on which their windows are chosen."""
    if worse.kind == "smaller":
        return [
            SimpleWay("repeated", "each pixel repeated", lambda seen: repeated(seen, worse.factor)),
            SimpleWay(
                "bicubic",
                "bicubic enlargement",
                lambda seen: enlarged(seen, worse.factor).clamp(0, 1),
            ),
        ]
    ways = [SimpleWay("input", "the picture as it is", lambda seen: seen)]
    side = best_side(median, train)
    ways.append(SimpleWay("median", f"median of {side} x {side} px", lambda x: median(x, side)))
    if worse.kind == "noisy":
        variance = worse.noise**2
        width = best_side(lambda x, side: wiener(x, side, variance), train)
        ways.append(
            SimpleWay(
                "wiener",
                f"Wiener filter of {width} x {width} px",
                lambda seen: wiener(seen, width, variance),
            )
        )
    return ways


def best_side(way: Callable[[Tensor, int], Tensor], train: Worsened) -> int:
    """Return the side of the window that restores training pictures best."""
    sides = _that_fit(train.seen, SIDES)
    return max(
        sides, key=lambda side: float(signal_to_noise(way(train.seen, side), train.wanted).mean())
    )


def _that_fit(pictures: Tensor, sides: Sequence[int]) -> list[int]:
    """Return the sides whose halves a reflected border of the pictures can give."""
    return [side for side in sides if side // 2 < min(pictures.shape[-2:])]


def repeated(pictures: Tensor, factor: int) -> Tensor:
    """Return the pictures with each pixel repeated ``factor`` times in both directions."""
    return F.interpolate(pictures, scale_factor=factor, mode="nearest-exact")


def median(pictures: Tensor, side: int) -> Tensor:
    """Return the median of each channel over windows of ``side`` px, borders reflected."""
    return _windows(pictures, side).median(dim=-1).values


def wiener(pictures: Tensor, side: int, variance: float) -> Tensor:
    """Return the pictures without noise of a known variance, by their local mean and variance.

    Lee 1980, "Digital Image Enhancement and Noise Filtering by Use of Local Statistics"; what
    scipy.signal.wiener computes, with reflected borders.
    """
    windows = _windows(pictures, side)
    mean, spread = windows.mean(dim=-1), windows.var(dim=-1, correction=0)
    kept = (spread - variance).clamp(min=0) / spread.clamp(min=variance)
    return mean + kept * (pictures - mean)


def _windows(pictures: Tensor, side: int) -> Tensor:
    """Return [B, C, H, W, side * side]: each pixel's window."""
    padded = F.pad(pictures, (side // 2,) * 4, mode="reflect")
    return padded.unfold(2, side, 1).unfold(3, side, 1).flatten(-2)


def inside_and_outside(found: Tensor, wanted: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
    """Return [sum of squared errors, count] where a mask is true, and where it is not.

    changed: [B, 1, H, W]

    >>> mask = torch.tensor([[[[True, False]]]])
    >>> parts = inside_and_outside(torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), mask)
    >>> [part.tolist() for part in parts]
    [[1.0, 1.0], [1.0, 1.0]]
    """
    errors = (found.double() - wanted.double()).square()
    mask = changed.expand_as(errors)
    inside, outside = (
        torch.stack([(errors * part).sum(), part.sum().double()]).cpu() for part in (mask, ~mask)
    )
    return inside, outside
