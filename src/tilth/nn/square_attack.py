"""The Square attack: random squares of the largest change, kept where they help.

Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049, algorithms 1 and 2. It asks for
answers alone and never for gradients: what hides its gradients is not safe from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tilth.nn.attack import Ball

HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries; their code
FIRST_SHARE = 0.3  # of the pixels, that the first square covers; theirs on MNIST


@dataclass
class Counted:
    """Margins [B] of pictures, and how many pictures they were asked for.

    margins: pictures, rows [B] of the attacked batch -> output of the true class less the
    largest other; below zero the answer is wrong
    """

    margins: Callable[[Tensor, Tensor], Tensor]
    queries: int = 0

    def __call__(self, pictures: Tensor, rows: Tensor) -> Tensor:
        """Return the margins, without any gradient."""
        self.queries += len(pictures)
        with torch.no_grad():
            return self.margins(pictures, rows)


def square_attack(
    ask: Counted, pictures: Tensor, ball: Ball, *, queries: int, generator: torch.Generator
) -> Tensor:
    """Return pictures [B, C, H, W] changed by squares, after ``queries`` answers each at most.

    ask: gives margins; pictures whose answer is wrong already are not asked about again
    """
    rows = torch.arange(len(pictures))
    best, lowest = pictures.clone(), ask(pictures, rows)
    width, channels = pictures.shape[3], pictures.shape[1]
    for query in range(queries - 1):
        open_rows = rows[(lowest > 0).cpu()]
        if not len(open_rows):
            break
        now, original = best[open_rows], pictures[open_rows]
        if query == 0:  # stripes from top to bottom
            signs = _signs((len(now), channels, 1, width), generator).to(pictures)
            tried = ball.project(original + ball.radius * signs, original)
        else:
            side = _side(query, queries, pictures.shape[2:])
            tried = _with_square(now, original, ball, side, generator)
        found = ask(tried, open_rows)
        better = found < lowest[open_rows]
        chosen = open_rows[better.cpu()]
        best[chosen], lowest[chosen] = tried[better], found[better]
    return best


def _side(query: int, queries: int, size: torch.Size) -> int:
    """Return the side of the square in px; the covered share is halved at fixed queries."""
    halvings = sum(10_000 * query / queries > at for at in HALVED_AT)
    pixels = FIRST_SHARE / 2**halvings * size.numel()
    return int(min(max(round(pixels**0.5), 1), *size))


def _with_square(
    now: Tensor, original: Tensor, ball: Ball, side: int, generator: torch.Generator
) -> Tensor:
    """Return pictures with a square each in which every channel has the largest change."""
    count, channels, height, width = now.shape
    places = [
        torch.randint(length - side + 1, (count, 1), generator=generator)
        for length in (height, width)
    ]
    down, across = (
        (line >= begin) & (line < begin + side)
        for line, begin in zip((torch.arange(height), torch.arange(width)), places, strict=True)
    )
    inside = (down[:, None, :, None] & across[:, None, None, :]).to(now.device)
    signs = _signs((count, channels, 1, 1), generator).to(now)
    return torch.where(inside, ball.project(original + ball.radius * signs, original), now)


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2 * torch.randint(2, shape, generator=generator) - 1
