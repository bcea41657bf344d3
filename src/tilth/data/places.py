"""Points in pictures as a net learns them: from -1 to 1 across the picture, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.dataset import Prepare, as_they_are


@dataclass(frozen=True)
class Places:
    """From (x, y) in px, (0, 0) the middle of the upper left pixel, to places.

    width, height: of the pictures, in px; -1 is their left or upper edge, 1 the right or lower
    moved: what moves the points in px before, as the pictures are moved

    >>> import torch
    >>> Places(4, 2)(torch.tensor([[[1.5, 0.0]]]), torch.tensor([0]), 0)
    tensor([[[ 0.0000, -0.5000]]])
    """

    width: int
    height: int
    moved: Prepare = as_they_are

    def __call__(self, raw: Tensor, keys: Tensor, epoch: int) -> Tensor:
        """Return [B, P, 2] places of points [B, P, 2]."""
        raw = self.moved(raw, keys, epoch)
        return (raw + 0.5) * (2 / raw.new_tensor([self.width, self.height])) - 1

    def back(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points in px that places [..., 2] stand for."""
        return np.asarray((places + 1) / 2 * np.array([self.width, self.height]) - 0.5)


def only_inside(
    points: NDArray[np.floating[Any]], width: int, height: int
) -> tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]:
    """Return points [N, P, 2] in px with NaN for those outside of the picture, and which these are.

    >>> found, outside = only_inside(np.array([[[0.0, 3.0], [-0.5, 1.4]]]), 4, 2)
    >>> found.tolist(), outside.tolist()
    ([[[nan, nan], [-0.5, 1.4]]], [[True, False]])
    """
    inside = np.logical_and(points >= -0.5, points < np.array([width, height]) - 0.5).all(axis=2)
    kept = np.where(np.expand_dims(inside, 2), points, np.nan).astype(points.dtype)
    return kept, np.isfinite(points).all(axis=2) & ~inside
