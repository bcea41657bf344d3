"""A class for every pixel: cross entropy, and Dice beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, Term
from tilth.data.mask_decoder import VOID
from tilth.nn.precision import at_least_float32


class Segment(BaseObjective):
    """Minimise the cross entropy over the pixels whose class is said, plus weighted Dice.

    The model gives [B, K, H, W] logits; targets are [B, H, W] uint8 class ids, VOID where nothing
    is said.
    """

    def __init__(self, *, dice_weight: float = 0.0, moves: str = "model") -> None:
        self.dice_weight, self.moves = dice_weight, moves

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the summed losses of a batch: per pixel, and per picture where Dice counts.

        Pictures whose pixels are all void add nothing, and do not count.
        """
        logits, targets = at_least_float32(model(batch.inputs)), batch.targets.long()
        total = F.cross_entropy(logits, targets, ignore_index=VOID, reduction="sum")
        count = int((targets != VOID).sum())
        parts = {"cross_entropy": Term(total, count, per="pixels")}
        if self.dice_weight:
            said = (targets != VOID).flatten(1).any(dim=1)
            losses = dice_loss(logits.softmax(dim=1), targets)[said]
            parts["dice"] = Term(losses.sum(), len(losses), self.dice_weight, per="pictures")
        return Loss(parts)


def dice_loss(chances: Tensor, targets: Tensor) -> Tensor:
    """Return [B]: 1 - the mean over true classes of 2 sum(p g) / (sum(p^2) + sum(g^2)).

    As Milletari et al. 2016, eq. 2, for each class that is true in the picture; pixels without a
    class are left out.
    chances: [B, K, H, W] probabilities; targets: [B, H, W] int64, VOID where nothing is said

    >>> exact = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    >>> dice_loss(exact, torch.tensor([[[0, 1]]])).tolist()
    [0.0]
    """
    known = targets != VOID
    wanted = F.one_hot(torch.where(known, targets, 0), chances.shape[1]).movedim(-1, 1)
    wanted = (wanted * known[:, None]).to(chances.dtype).flatten(2)
    chances = (chances * known[:, None]).flatten(2)
    true = wanted.sum(dim=2)
    overlap = 2 * (chances * wanted).sum(dim=2) / (chances.square().sum(dim=2) + true).clamp(min=1)
    there = true > 0
    return 1 - (overlap * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
