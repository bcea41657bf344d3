"""Ways between two codes."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.errors import UserError


def linear(first: Tensor, last: Tensor, fractions: Tensor) -> Tensor:
    """Return the straight way, [T, *shape of first]; its ends are met exactly.

    first, last: codes of one shape; fractions: [T] in [0, 1]

    >>> linear(torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor([0.0, 0.25, 1.0])).tolist()
    [[0.0], [1.0], [4.0]]
    """
    return torch.lerp(first, last, _beside(fractions, first))


def slerp(first: Tensor, last: Tensor, fractions: Tensor) -> Tensor:
    """Return the way along the great circle, [T, *shape of first] (Shoemake 1985; White 2016).

    first, last: codes [..., D]; fractions: [T] in [0, 1]. Lengths change from one to the other, so
    that the way between two draws of a Gaussian in many dimensions stays where its draws are,
    while the straight way passes near the middle, where none is. Codes of nearly one direction
    are joined by the straight way, which is the limit.
    Raises UserError for codes of length zero or opposite directions: no great circle is nearest.

    >>> way = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([0.5]))
    >>> round(float(way.norm()), 4)
    1.5811
    """
    lengths = [code.norm(dim=-1, keepdim=True) for code in (first, last)]
    cosine = (first * last).sum(-1, keepdim=True) / (lengths[0] * lengths[1])
    if not bool((cosine > -1 + 1e-6).all()):  # also where it is not a number
        raise UserError(
            "slerp between codes that are opposite or zero",
            rule="a great circle needs two directions that are not opposite",
            fix="use linear",
        )
    angle = torch.arccos(cosine.clamp(-1, 1))
    share = _beside(fractions, first)
    along = [torch.sin(part * angle) / torch.sin(angle) for part in (1 - share, share)]
    curved = along[0] * first + along[1] * last
    return torch.where(angle < 1e-3, linear(first, last, fractions), curved)


def _beside(fractions: Tensor, code: Tensor) -> Tensor:
    """Return fractions as [T, 1, ...], to be met with every number of a code."""
    return fractions.to(code.dtype).reshape(-1, *(1 for _ in code.shape))
