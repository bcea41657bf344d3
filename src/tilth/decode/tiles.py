"""A large picture looked at in tiles that overlap, so that no seam shows, strip after strip."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_WEIGHT = 1e-3  # of a tile's edge, so that a picture's own edge has an answer


def in_tiles(
    function: Callable[[Tensor], Tensor],
    picture: Tensor,
    size: tuple[int, int],
    settle: Callable[[Tensor], Tensor] = lambda strip: strip,
) -> Tensor:
    """Return what ``function`` says of a picture, the weighted mean over tiles of ``size``.

    function: [1, C, h, w] -> [1, K, h, w]; picture: [1, C, H, W]; size: (h, w)
    settle: what becomes of finished strips [1, K, s, W], such as the largest of K: only strips as
    high as a tile are held as they are
    Tiles overlap by half; where they do, a tile counts less towards its edges, in proportion to
    the distance. A picture smaller than a tile is mirrored at its edges.

    >>> picture = torch.arange(30.0).reshape(1, 1, 5, 6)
    >>> torch.allclose(in_tiles(lambda tile: 2 * tile, picture, (4, 4)), 2 * picture)
    True
    """
    height, width = picture.shape[-2:]
    filled = grown(picture, size)
    tops = starts(filled.shape[-2], size[0])
    total = weight = torch.zeros(1, 1, 0, 1)
    finished = []
    for top, following in pairwise([*tops, filled.shape[-2]]):
        strip, counted = _strip(function, filled[..., top : top + size[0], :], size)
        total, weight = _below(total, strip), _below(weight, counted)
        done = following - top
        finished.append(settle(total[..., :done, :] / weight[..., :done, :]))
        total, weight = total[..., done:, :], weight[..., done:, :]
    return torch.cat(finished, dim=-2)[..., :height, :width]


def _strip(
    function: Callable[[Tensor], Tensor], strip: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return the weighted sums [1, K, h, W] over the tiles of a strip, and weights [1, 1, h, W]."""
    weights = tent(size[0])[:, None] * tent(size[1])[None, :]
    total, weight = torch.zeros(()), torch.zeros(1, 1, *strip.shape[-2:])
    for left in starts(strip.shape[-1], size[1]):
        found = function(strip[..., left : left + size[1]]).cpu()
        if total.dim() == 0:
            total = found.new_zeros(1, found.shape[1], *strip.shape[-2:])
        total[..., left : left + size[1]] += found * weights
        weight[..., left : left + size[1]] += weights
    return total, weight


def _below(before: Tensor, strip: Tensor) -> Tensor:
    """Return a strip plus what the ones above it left for its upper rows."""
    strip[..., : before.shape[-2], :] += before
    return strip


def starts(length: int, size: int) -> list[int]:
    """Return where tiles begin along a side, so that they overlap by half or more.

    >>> starts(10, 4), starts(4, 4)
    ([0, 2, 4, 6], [0])
    """
    step = max(1, size // 2)
    count = -(-(length - size) // step)
    return [min(number * step, length - size) for number in range(count + 1)]


def tent(size: int) -> Tensor:
    """Return the weights across a tile: largest in the middle.

    >>> tent(4).tolist()
    [0.25, 0.75, 0.75, 0.25]
    """
    middles = (torch.arange(size) + 0.5) / size
    return (1 - (2 * middles - 1).abs()).clamp(min=LEAST_WEIGHT)


def grown(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture at least as large as ``size``, mirrored at its lower and right edges."""
    while picture.shape[-2] < size[0] or picture.shape[-1] < size[1]:
        down, across = (
            min(max(0, wanted - have), have - 1) if have > 1 else max(0, wanted - have)
            for wanted, have in zip(size, picture.shape[-2:], strict=True)
        )
        mode = "reflect" if min(picture.shape[-2:]) > 1 else "replicate"
        picture = F.pad(picture, (0, across, 0, down), mode=mode)
    return picture
