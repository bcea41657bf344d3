"""Targets that lie in a picture, moved as the picture is: points and masks.

Each draws again what the picture's own transform draws, from the same seed, epoch and row, so
that they share nothing. A wanted picture is moved by ``ImagePrepare`` with ``Augment.geometry``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tilth.data import geometry
from tilth.data.augment import Augment
from tilth.data.mask_decoder import VOID
from tilth.data.moves import Moves, drawn, moves_of
from tilth.errors import UserError


@dataclass(frozen=True)
class _Following:
    """What follows the pictures of a set: their changes, their size and their seed.

    Raises UserError for changes that mix pictures.
    """

    augment: Augment
    height: int
    width: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.augment.mixes:
            given = {name: getattr(self.augment, name) for name in ("mixup", "cutmix")}
            said = ", ".join(f"{name}={value:g}" for name, value in given.items() if value)
            raise UserError(
                f"{said} for points or masks",
                rule="only classes and numbers can be mixed: a place is in one picture",
                fix="leave mixup and cutmix at 0",
            )

    def _moves(self, keys: Tensor, epoch: int, like: Tensor) -> Moves:
        draws = drawn(keys.to(like.device), epoch, self.seed)
        return moves_of(draws, self.augment, self.height, self.width)


class MovedPoints(_Following):
    """The batch transform of points: where they are in the prepared pictures.

    >>> still = Augment(flip=False, rotate_degrees=0, zoom=1, warp=0)
    >>> MovedPoints(still, 4, 4)(torch.tensor([[[1.0, 2.0], [9.0, 0.0]]]), torch.arange(1), 0)
    tensor([[[1., 2.],
             [nan, nan]]])
    """

    def __call__(self, raw: Tensor, keys: Tensor, epoch: int) -> Tensor:
        """Return float32 [B, P, 2] for points (x, y) in px; one that leaves becomes NaN.

        (0, 0) is the centre of the top left pixel, x goes right and y down.
        """
        matrices = self._moves(keys, epoch, raw).matrices()
        middle = raw.new_tensor([(self.width - 1) / 2, (self.height - 1) / 2])
        there = geometry.moved_points(raw - middle, matrices) + middle
        side = there.new_tensor([self.width, self.height])
        seen = ((there >= -0.5) & (there < side - 0.5)).all(-1, keepdim=True)
        return there.where(seen, torch.nan)


class MovedMasks(_Following):
    """The batch transform of masks: each pixel is the nearest one of the picture's own.

    What lies outside is mirrored where the pictures are, else it is void.
    """

    def __call__(self, raw: Tensor, keys: Tensor, epoch: int) -> Tensor:
        """Return uint8 [B, H, W] for classes per pixel [B, H, W] (255 where void)."""
        moves = self._moves(keys, epoch, raw)
        reflect = self.augment.pad == "reflect"
        masks = raw[:, None]
        if moves.turned is None:
            moved = moves.copied(masks)
            if not reflect:
                moved = moved.masked_fill(
                    geometry.outside(moves.x, moves.y, self.height, self.width), VOID
                )
            return moved[:, 0]
        # void is 0 while they are moved, which is what is seen outside
        found = geometry.warp(
            masks.to(torch.float32) - VOID, moves.matrices(), reflect=reflect, nearest=True
        )
        return (found[:, 0] + VOID).to(torch.uint8)
