"""Moving whole batches of pictures: matrices are composed first, then pixels move once.

A matrix [B, 3, 3] says, for each pixel of the result, which point of the picture is seen there.
Points are homogeneous (x, y, 1) in pixels from the centre, x to the right and y down. What lies
outside of a picture is its mirror image, the edge repeated (d c b a | a b c d | d c b a), or 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def flipping(mirrored: Tensor, upended: Tensor) -> Tensor:
    """Return the matrices that swap left and right, or top and bottom, where true ([B] bool)."""
    one = torch.ones_like(mirrored, dtype=torch.float32)
    across, down = torch.where(mirrored, -one, one), torch.where(upended, -one, one)
    return _matrix([[across, 0, 0], [0, down, 0], [0, 0, one]])


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


def warp(
    pictures: Tensor, matrices: Tensor, *, reflect: bool = True, nearest: bool = False
) -> Tensor:
    """Return float32 [B, C, H, W] moved by ``matrices`` [B, 3, 3], interpolated once.

    pictures: float32 [B, C, H, W]; reflect: what lies outside is the mirror image, else it is 0;
    nearest: each pixel is that of the picture which is nearest, else bilinear between four

    >>> image = torch.arange(6.0).reshape(1, 1, 2, 3)
    >>> warp(image, shifting(torch.tensor([1.0]), torch.tensor([0.0])))[0, 0]
    tensor([[0., 0., 1.],
            [3., 3., 4.]])
    """
    return grid_sample(
        pictures,
        _places(matrices, *pictures.shape[-2:]),
        mode="nearest" if nearest else "bilinear",
        padding_mode="reflection" if reflect else "zeros",
        align_corners=False,
    )


def _places(matrices: Tensor, height: int, width: int) -> Tensor:
    """Return [B, H, W, 2]: what each pixel of the result sees, as ``grid_sample`` counts it."""
    across = (torch.arange(width, device=matrices.device) - (width - 1) / 2)[None, None, :]
    down = (torch.arange(height, device=matrices.device) - (height - 1) / 2)[None, :, None]
    # grid_sample counts from -1 to 1 where pixels run from one edge of the picture to the other
    m = (matrices * matrices.new_tensor([[2 / width], [2 / height], [1.0]]))[..., None, None]
    # sums of products and not a matrix product, whose rounding can depend on the batch's size
    x, y, scale = (m[:, i, 0] * across + (m[:, i, 1] * down + m[:, i, 2]) for i in range(3))
    grid = torch.empty(*scale.shape, 2, device=matrices.device)
    torch.div(x, scale, out=grid[..., 0])
    torch.div(y, scale, out=grid[..., 1])
    return grid


def move(pictures: Tensor, mirrored: Tensor, upended: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return pictures of any type, flipped where told, then moved by whole pixels.

    pictures: [B, C, H, W]; mirrored, upended: [B] bool; x, y: [B] int64, to the right and down.
    The same as ``warp`` with ``flipping(mirrored, upended) @ shifting(x, y)``, but exact and for
    uint8 too. What lies outside is the mirror image: ``outside`` says where.

    >>> image = torch.arange(3, dtype=torch.uint8).reshape(1, 1, 1, 3)
    >>> zero, yes, no = torch.tensor([0]), torch.tensor([True]), torch.tensor([False])
    >>> move(image, yes, no, zero + 1, zero)[0, 0]
    tensor([[2, 2, 1]], dtype=torch.uint8)
    """
    batch, channels, height, width = pictures.shape
    columns = _seen(x, mirrored, width)
    rows = _seen(y, upended, height)
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(batch, 1, -1)
    moved = pictures.reshape(batch, channels, -1).gather(2, places.expand(-1, channels, -1))
    return moved.reshape(pictures.shape)


def outside(x: Tensor, y: Tensor, height: int, width: int) -> Tensor:
    """Return [B, 1, H, W]: where ``move`` shows what lies outside of the picture.

    >>> outside(torch.tensor([1]), torch.tensor([0]), 1, 3)
    tensor([[[[ True, False, False]]]])
    """
    columns = torch.arange(width, device=x.device) - x[:, None]
    rows = torch.arange(height, device=y.device) - y[:, None]
    beside, beyond = (columns < 0) | (columns >= width), (rows < 0) | (rows >= height)
    return (beside[:, None, :] | beyond[:, :, None])[:, None]


def moved_points(points: Tensor, matrices: Tensor) -> Tensor:
    """Return where points [B, P, 2] of pictures are in the result; behind the viewer: NaN.

    points: (x, y) in px from the centre

    >>> moved_points(torch.zeros(1, 1, 2), shifting(torch.tensor([3.0]), torch.tensor([1.0])))
    tensor([[[3., 1.]]])
    """
    forward = torch.linalg.inv(matrices)[:, None]
    x, y = points[..., 0, None], points[..., 1, None]
    there = forward[..., 0] * x + (forward[..., 1] * y + forward[..., 2])
    scale = there[..., 2:]
    seen: Tensor = there[..., :2] / scale.where(scale > 0, torch.nan)
    return seen


def _seen(by: Tensor, flipped: Tensor, count: int) -> Tensor:
    """Return [B, count]: which place of the picture is seen at each place of a side."""
    places = _mirrored(torch.arange(count, device=by.device) - by[:, None], count)
    return torch.where(flipped[:, None], count - 1 - places, places)


def _mirrored(places: Tensor, count: int) -> Tensor:
    """Fold places outside of 0..count-1 back in, the edge repeated."""
    folded = places.remainder(2 * count)
    return torch.minimum(folded, 2 * count - 1 - folded)


def _matrix(entries: list[list[Tensor | int]]) -> Tensor:
    """Stack three rows of three entries, [B] tensors or 0, into [B, 3, 3]."""
    zero = torch.zeros_like(next(entry for entry in entries[2] if isinstance(entry, Tensor)))
    tensors = [zero if isinstance(entry, int) else entry for row in entries for entry in row]
    return torch.stack(tensors, dim=-1).reshape(-1, 3, 3)
