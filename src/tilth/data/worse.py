"""Pictures made worse, beside what they were: what a restorer learns from.

The recipe of Jeremy Howard's fast.ai lessons of 2018 and 2019 ("crappify"): damage is cheap to
do, and whoever undoes it has to know what pictures look like. What is drawn at random is a
function of (seed, epoch, row), over whole batches at once, as all augmentation here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from tilth.data.dataset import Prepare
from tilth.data.jpeg import compressed
from tilth.data.lettering import HEIGHT, WIDTH, lettered
from tilth.errors import UserError, choose
from tilth.randomness import normal

KINDS = ("smaller", "noisy", "covered", "compressed")
GIVEN = "given"  # both pictures come from files


class Worsened(NamedTuple):
    """Pictures as they are seen and as they are wanted.

    seen: [B, C, h, w], wanted: [B, C, H, W], in [0, 1]; of one size but for "smaller"
    """

    seen: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Worse:
    """A way to make pictures worse.

    kind: "smaller" (by ``factor``, bicubic with antialiasing), "noisy" (Gaussian, of standard
        deviation ``noise`` where white is 1), "covered" (a line of text), "compressed" (as a JPEG
        file of ``quality`` keeps them); "given": nothing, pairs are read from files
    Whatever is done, the result is what 8 bits hold: clipped and rounded.
    Raises UserError for values that cannot be.

    >>> import torch
    >>> Worse("smaller", factor=4)(torch.zeros(2, 3, 8, 12), torch.arange(2), 0, seed=0).shape
    torch.Size([2, 3, 2, 3])
    """

    kind: str = "smaller"
    factor: int = 2
    noise: float = 0.1
    quality: int = 10

    def __post_init__(self) -> None:
        choose(self.kind, (*KINDS, GIVEN), "way to make pictures worse")
        if self.factor not in (2, 4, 8):
            raise UserError(
                f"factor={self.factor}", rule="pictures get larger by doubling: 2, 4, 8"
            )
        if not 0 < self.noise <= 1:
            raise UserError(
                f"noise={self.noise}", rule="a standard deviation above 0, where white is 1"
            )
        if not 1 <= self.quality <= 95:
            raise UserError(f"quality={self.quality}", rule="JPEG files have 1 (least) to 95")

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError for pictures that cannot be made worse in this way."""
        if self.kind == "smaller" and (height % self.factor or width % self.factor):
            near = [max(self.factor, side - side % self.factor) for side in (height, width)]
            raise UserError(
                f"pictures of {width} x {height} px, made {self.factor} times smaller",
                rule="their sides are multiples of the factor",
                fix=f"bring them to another size: size={near[0]} (--size {near[0]})"
                if near[0] == near[1]
                else f"bring them to another size: size={tuple(near)}",
            )
        if self.kind == "covered" and (height < HEIGHT or width < WIDTH):
            raise UserError(
                f"text on pictures of {width} x {height} px",
                rule=f"a letter takes {WIDTH} x {HEIGHT}",
            )

    def __call__(self, pictures: Tensor, keys: Tensor, epoch: int, *, seed: int) -> Tensor:
        """Return what is left of pictures [B, C, H, W] in [0, 1]; keys: [B] int64 row ids."""
        if self.kind == "smaller":
            worse = smaller(pictures, self.factor)
        elif self.kind == "noisy":
            draws = normal(keys, pictures[0].numel(), seed=seed, stream="noise", epoch=epoch)
            worse = pictures + self.noise * draws.reshape(pictures.shape).to(pictures)
        elif self.kind == "covered":
            worse = lettered(pictures, keys, epoch, seed=seed)
        else:
            worse = compressed(pictures, self.quality)
        return in_eight_bits(worse.clamp(0, 1))


def in_eight_bits(pictures: Tensor) -> Tensor:
    """Return pictures in [0, 1] as files of eight bits hold them.

    >>> import torch
    >>> float(in_eight_bits(torch.tensor(0.5)) * 255)
    128.0
    """
    return (pictures * 255).round() / 255


def smaller(pictures: Tensor, factor: int) -> Tensor:
    """Return [B, C, H / factor, W / factor]: bicubic with antialiasing, as Pillow resizes."""
    size = (pictures.shape[-2] // factor, pictures.shape[-1] // factor)
    return F.interpolate(pictures, size, mode="bicubic", antialias=True)


@dataclass(frozen=True)
class WorsePrepare:
    """The batch transform of restoring: pictures made worse, beside what they were.

    prepare: gives the pictures wanted, in [0, 1]
    """

    prepare: Prepare
    worse: Worse
    seed: int = 0

    def __call__(self, raw: Any, keys: Tensor, epoch: int) -> Worsened:
        """Return what is seen and what is wanted of a raw batch."""
        wanted = self.prepare(raw, keys, epoch).clamp(0, 1)
        return Worsened(self.worse(wanted, keys, epoch, seed=self.seed), wanted)
