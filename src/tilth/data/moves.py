"""Where pictures are moved to while training: drawn once, for the pictures and what is on them.

The numbers are a function of (seed, epoch, row), so pictures, masks and points of a row draw the
same ones and share no state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from tilth.data import geometry
from tilth.data.augment import Augment
from tilth.randomness import uniform

# new names go to the end: the place of a name decides which number it draws
_DRAWS = (
    *("flip", "rotate", "zoom", "tilt_x", "tilt_y", "shift_x", "shift_y"),
    *("brightness", "contrast", "cutout_x", "cutout_y", "flip_vertical", "zoom_x", "zoom_y"),
)
Draws = dict[str, Tensor]
"""Name of a change -> [B] float32 in [0, 1)."""


def drawn(keys: Tensor, epoch: int, seed: int) -> Draws:
    """Return the random numbers of rows ``keys`` [B] in an epoch, by name."""
    values = uniform(keys, len(_DRAWS), seed=seed, stream="augment", epoch=epoch)
    return dict(zip(_DRAWS, values.unbind(1), strict=True))


def either_way(draws: Tensor) -> Tensor:
    """Spread numbers of [0, 1) evenly over [-1, 1)."""
    return 2 * draws - 1


@dataclass(frozen=True)
class Moves:
    """How each picture of a batch is moved: flipped, turned, then shifted.

    mirrored, upended: [B] bool, left to right and upside down; x, y: [B] float32, whole px to
    the right and down; turned: [B, 3, 3] what interpolates (see ``geometry``), None for nothing
    """

    mirrored: Tensor
    upended: Tensor
    x: Tensor
    y: Tensor
    turned: Tensor | None

    def matrices(self) -> Tensor:
        """Return [B, 3, 3]: for a point of the result, which point of the picture is seen."""
        flips = geometry.flipping(self.mirrored, self.upended)
        turned = flips if self.turned is None else flips @ self.turned
        return turned @ geometry.shifting(self.x, self.y)

    def copied(self, pictures: Tensor) -> Tensor:
        """Return pictures [B, C, H, W] of any type where nothing is turned: pixels are copied."""
        return geometry.move(pictures, self.mirrored, self.upended, self.x.long(), self.y.long())


def moves_of(draws: Draws, augment: Augment, height: int, width: int) -> Moves:
    """Return the moves that numbers in [0, 1) stand for, of pictures of ``height`` x ``width``."""
    turned = None
    if augment.interpolates:
        turned = _turned(draws, augment, height, width)
    return Moves(
        draws["flip"] < (0.5 if augment.flip else 0.0),
        draws["flip_vertical"] < (0.5 if augment.flip_vertical else 0.0),
        (either_way(draws["shift_x"]) * (augment.shift * width)).round(),
        (either_way(draws["shift_y"]) * (augment.shift * height)).round(),
        turned,
    )


def _turned(draws: Draws, augment: Augment, height: int, width: int) -> Tensor:
    """Return the matrices [B, 3, 3] that tilt, rotate and zoom at a random place."""
    tilted = geometry.tilting(
        either_way(draws["tilt_x"]) * (augment.warp / (width / 2)),
        either_way(draws["tilt_y"]) * (augment.warp / (height / 2)),
    )
    radians = either_way(draws["rotate"]) * math.radians(augment.rotate_degrees)
    zoom = 1 + draws["zoom"] * (augment.zoom - 1)
    room = (1 - 1 / zoom) / 2  # what a zoomed picture leaves out on each side, of the side
    placed = geometry.shifting(
        either_way(draws["zoom_x"]) * room * width,
        either_way(draws["zoom_y"]) * room * height,
    )
    return tilted @ geometry.rotating(radians) @ placed @ geometry.zooming(zoom)
