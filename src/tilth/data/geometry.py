"""Moving whole batches of pictures: matrices are composed first, then pixels move once.

A matrix [B, 3, 3] says, for each pixel of the result, which point of the picture is seen there.
Points are homogeneous (x, y, 1) in pixels from the centre, x to the right and y down. What lies
outside of a picture is its mirror image, the edge repeated (d c b a | a b c d | d c b a).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def flipping(flipped: Tensor) -> Tensor:
    """Return the matrices that swap left and right where ``flipped`` ([B] bool)."""
    one = torch.ones_like(flipped, dtype=torch.float32)
    return _matrix([[torch.where(flipped, -one, one), 0, 0], [0, one, 0], [0, 0, one]])


def rotating(radians: Tensor) -> Tensor:
    """Return the matrices that turn what is seen counter-clockwise by ``radians`` [B]."""
    cosine, sine, one = radians.cos(), radians.sin(), torch.ones_like(radians)
    return _matrix([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, one]])


def zooming(factors: Tensor) -> Tensor:
    """Return the matrices that make what is seen ``factors`` [B] times as large."""
    return _matrix([[1 / factors, 0, 0], [0, 1 / factors, 0], [0, 0, torch.ones_like(factors)]])


def shifting(x: Tensor, y: Tensor) -> Tensor:
    """Return the matrices that move what is seen by ``x`` to the right and ``y`` down (px)."""
    one = torch.ones_like(x)
    return _matrix([[one, 0, -x], [0, one, -y], [0, 0, one]])


def tilting(x: Tensor, y: Tensor) -> Tensor:
    """Return the matrices of pictures turned about their upright and level axes.

    x, y: [B] in 1 / px, each times half of the side less than 1 in sum: a point (u, v) goes to
    (u, v) / (1 + x u + y v).
    """
    one = torch.ones_like(x)
    return _matrix([[one, 0, 0], [0, one, 0], [x, y, one]])


def warp(pictures: Tensor, matrices: Tensor) -> Tensor:
    """Return float32 [B, C, H, W] moved by ``matrices`` [B, 3, 3], interpolated bilinearly once.

    pictures: float32 [B, C, H, W]

    >>> image = torch.arange(6.0).reshape(1, 1, 2, 3)
    >>> warp(image, shifting(torch.tensor([1.0]), torch.tensor([0.0])))[0, 0]
    tensor([[0., 0., 1.],
            [3., 3., 4.]])
    """
    height, width = pictures.shape[-2:]
    across = (torch.arange(width, device=pictures.device) - (width - 1) / 2)[None, None, :]
    down = (torch.arange(height, device=pictures.device) - (height - 1) / 2)[None, :, None]
    # grid_sample counts from -1 to 1 where pixels run from one edge of the picture to the other
    m = (matrices * matrices.new_tensor([[2 / width], [2 / height], [1.0]]))[..., None, None]
    # sums of products and not a matrix product, whose rounding can depend on the batch's size
    x, y, scale = (m[:, i, 0] * across + (m[:, i, 1] * down + m[:, i, 2]) for i in range(3))
    grid = torch.empty(*scale.shape, 2, device=pictures.device)
    torch.div(x, scale, out=grid[..., 0])
    torch.div(y, scale, out=grid[..., 1])
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def move(pictures: Tensor, flipped: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return pictures of any type, flipped where ``flipped``, then moved by whole pixels.

    pictures: [B, C, H, W]; flipped: [B] bool; x, y: [B] int64, to the right and down. The same
    as ``warp`` with ``shifting(x, y)`` after ``flipping(flipped)``, but exact and for uint8 too.

    >>> image = torch.arange(3, dtype=torch.uint8).reshape(1, 1, 1, 3)
    >>> zero = torch.tensor([0])
    >>> move(image, torch.tensor([True]), zero + 1, zero)[0, 0]
    tensor([[2, 2, 1]], dtype=torch.uint8)
    """
    batch, channels, height, width = pictures.shape
    columns = _mirrored(torch.arange(width, device=x.device) - x[:, None], width)
    columns = torch.where(flipped[:, None], width - 1 - columns, columns)
    rows = _mirrored(torch.arange(height, device=y.device) - y[:, None], height)
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(batch, 1, -1)
    moved = pictures.reshape(batch, channels, -1).gather(2, places.expand(-1, channels, -1))
    return moved.reshape(pictures.shape)


def _mirrored(places: Tensor, count: int) -> Tensor:
    """Fold places outside of 0..count-1 back in, the edge repeated."""
    folded = places.remainder(2 * count)
    return torch.minimum(folded, 2 * count - 1 - folded)


def _matrix(entries: list[list[Tensor | int]]) -> Tensor:
    """Stack three rows of three entries, [B] tensors or 0, into [B, 3, 3]."""
    zero = torch.zeros_like(next(entry for entry in entries[2] if isinstance(entry, Tensor)))
    tensors = [zero if isinstance(entry, int) else entry for row in entries for entry in row]
    return torch.stack(tensors, dim=-1).reshape(-1, 3, 3)
