"""Pictures mixed with others of their batch, and their targets in the same shares.

``mixup`` blends two pictures (Zhang, Cisse, Dauphin and Lopez-Paz 2018, equation 1), ``cutmix``
lays a rectangle of one over the other (Yun et al. 2019, equations 1 and 2). Whether it happens to
a row (to the share ``mixed`` of them), how much of itself the row keeps and where the rectangle
lies is a function of (seed, epoch, row), and not one number for the batch as there. Which other
picture it meets is a function of (seed, epoch) and of the set of rows in the batch, in whatever
order they stand: each row has one partner and is that of one. So a row meets another partner in
another batch, and with several ranks, each of which mixes its own share of the rows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn.functional import one_hot

from tilth.data.augment import Augment
from tilth.randomness import uniform

_STEPS = 4096  # of the table of quantiles


@dataclass(frozen=True)
class Mixing:
    """What a batch is mixed by: the partner of each row, and how much of it is seen where.

    partner: [B] places in the batch; share: [B] float32, what each row gets of its partner;
    weight: [B, 1, H, W] (or [B, 1, 1, 1]) how much of the partner is seen at each pixel
    """

    partner: Tensor
    share: Tensor
    weight: Tensor

    def pictures(self, inputs: Tensor) -> Tensor:
        """Return the mixed inputs [B, C, H, W]."""
        return inputs.lerp(inputs[self.partner], self.weight)

    def targets(self, values: Tensor) -> Tensor:
        """Return mixed float targets [B] or [B, K]."""
        share = self.share.reshape(-1, *[1] * (values.dim() - 1))
        return values.lerp(values[self.partner], share)


def mixing(
    keys: Tensor, epoch: int, augment: Augment, height: int, width: int, seed: int
) -> Mixing:
    """Return how the rows ``keys`` [B] of a batch are mixed in an epoch."""
    draws = uniform(keys, 6, seed=seed, stream="mix", epoch=epoch)
    place, amount, way, x, y, chance = draws.unbind(1)
    order = place.argsort(stable=True)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    share = 1 - beta_quantiles(amount, augment.mixup or augment.cutmix)
    weight = share[:, None, None, None]
    if augment.cutmix:
        covered = 1 - beta_quantiles(amount, augment.cutmix)
        laid = _rectangles(covered, x, y, height, width).to(torch.float32)
        lay = way < (0.5 if augment.mixup else 1.0)
        share = torch.where(lay, laid.mean((1, 2, 3)), share)
        weight = torch.where(lay[:, None, None, None], laid, weight)
    stirred = (chance < augment.mixed).to(share)
    return Mixing(partner, share * stirred, weight * stirred[:, None, None, None])


def _rectangles(covered: Tensor, x: Tensor, y: Tensor, height: int, width: int) -> Tensor:
    """Return [B, 1, H, W]: rectangles of a share of the picture, clipped (Yun et al., equation 2).

    covered: [B] their share; x, y: [B] in [0, 1), where their centres are
    """
    inside = []
    for centre, side in ((y, height), (x, width)):
        half = (covered.sqrt() * side / 2).round()[:, None]
        middle = (centre * side).floor()[:, None]
        places = torch.arange(side, device=covered.device)
        inside.append((places >= middle - half) & (places < middle + half))
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


def beta_quantiles(chances: Tensor, alpha: float) -> Tensor:
    """Return the quantiles of Beta(alpha, alpha) at ``chances`` in [0, 1), from a table.

    >>> beta_quantiles(torch.tensor([0.0, 0.25, 0.5]), 1.0).tolist()
    [0.0, 0.25, 0.5]
    """
    table = _table(alpha).to(chances.device)
    place = chances * _STEPS
    low = place.long()
    return table[low].lerp(table[low + 1], place - low)


@functools.lru_cache(maxsize=8)
def _table(alpha: float) -> Tensor:
    steps = np.linspace(0, 1, _STEPS + 1)
    return torch.from_numpy(betaincinv(alpha, alpha, steps)).to(torch.float32)


@dataclass(frozen=True)
class MixTargets:
    """The batch transform of targets whose pictures ``ImagePrepare`` mixes.

    augment, height, width, seed: those of the pictures
    classes: how many there are, where targets are class ids: they become shares; else 0

    >>> mix = MixTargets(Augment(mixup=1.0), 8, 8, seed=0, classes=3)
    >>> mix(torch.tensor([0, 1, 2]), torch.arange(3), 0).sum(1)
    tensor([1., 1., 1.])
    """

    augment: Augment
    height: int
    width: int
    seed: int = 0
    classes: int = 0

    def __call__(self, raw: Tensor, keys: Tensor, epoch: int) -> Tensor:
        """Return float32 [B, K] shares of classes, or numbers in the shape they have."""
        values = one_hot(raw, self.classes).to(torch.float32) if self.classes else raw
        found = mixing(keys.to(raw.device), epoch, self.augment, self.height, self.width, self.seed)
        return found.targets(values)
