"""A large picture looked at in tiles that overlap, so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_WEIGHT = 1e-3  # of a tile's edge, so that a picture's own edge has an answer


def in_tiles(
    function: Callable[[Tensor], Tensor], picture: Tensor, size: tuple[int, int]
) -> Tensor:
    """Return what ``function`` says of a picture, the weighted mean over tiles of ``size``.

    function: [1, C, h, w] -> [1, K, h, w]; picture: [1, C, H, W]; size: (h, w)
    Tiles overlap by half; where they do, a tile counts less towards its edges, in proportion to
    the distance. A picture smaller than a tile is mirrored at its edges.

    >>> picture = torch.arange(30.0).reshape(1, 1, 5, 6)
    >>> torch.allclose(in_tiles(lambda tile: 2 * tile, picture, (4, 4)), 2 * picture)
    True
    """
    height, width = picture.shape[-2:]
    filled = grown(picture, size)
    weights = tent(size[0])[:, None] * tent(size[1])[None, :]
    total, weight = torch.zeros(()), torch.zeros(())
    for top in starts(filled.shape[-2], size[0]):
        for left in starts(filled.shape[-1], size[1]):
            tile = filled[..., top : top + size[0], left : left + size[1]]
            found = function(tile).cpu()
            if total.dim() == 0:
                total = found.new_zeros(1, found.shape[1], *filled.shape[-2:])
                weight = found.new_zeros(filled.shape[-2:])
            total[..., top : top + size[0], left : left + size[1]] += found * weights
            weight[top : top + size[0], left : left + size[1]] += weights
    return (total / weight)[..., :height, :width]


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
