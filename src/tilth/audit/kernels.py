"""Hand-made kernels: what a convolution does before anything is learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

KERNELS: dict[str, tuple[tuple[float, ...], ...]] = {
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "blur": ((1 / 9,) * 3,) * 3,
    "top edges": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),  # Sobel 1968
    "left edges": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
}
"""Name -> rows of a 3 x 3 kernel."""


def filtered(pictures: Tensor, kernel: Tensor) -> Tensor:
    """Return every channel of pictures [B, C, H, W] filtered by a kernel [h, w], in its size.

    Beyond the edge is black; as everywhere in deep learning the kernel is not turned round
    (cross-correlation). h and w are odd.

    >>> filtered(torch.ones(1, 1, 3, 3), torch.tensor(KERNELS["left edges"]))[0, 0, 1].tolist()
    [4.0, 0.0, -4.0]
    """
    channels = pictures.shape[1]
    weight = kernel.to(pictures).expand(channels, 1, *kernel.shape)
    sides = tuple(side // 2 for side in kernel.shape)
    return F.conv2d(pictures, weight, padding=sides, groups=channels)


def edges(pictures: Tensor) -> Tensor:
    """Return how steep pictures [B, C, H, W] are at each pixel: the length of both Sobel slopes."""
    down, across = (
        filtered(pictures, torch.tensor(KERNELS[f"{side} edges"])) for side in ("top", "left")
    )
    return torch.hypot(down, across)
