"""Unpaired translation between two sets of pictures: CycleGAN as two players.

Zhu, Park, Isola and Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks" (https://arxiv.org/abs/1703.10593), equations 1 to 3 with the least-squares
losses of section 4 (Mao et al. 2017) and the identity term of section 5.2. Each player owns both
of its nets. Departure: with the critics' objective first in the list, both players of a step see
translations of the same generators, and the generators already the new critics; in the authors'
code the generators step first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.contracts import BaseObjective, Context, Loss, Term
from tilth.data.image_pool import PooledBatch
from tilth.data.paired import Pair
from tilth.errors import UserError
from tilth.nn.precision import at_least_float32


def per_row(values: Tensor) -> Tensor:
    """Return the mean over all but the first dimension, [B]."""
    return at_least_float32(values).flatten(1).mean(dim=1)


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """Return the sum over rows of the mean squared distance of the patches' scores from one value.

    >>> float(least_squares(torch.zeros(2, 1, 3, 3), 1.0))
    2.0
    """
    return per_row((scores - wanted) ** 2).sum()


def absolute(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the sum over rows of the mean absolute difference."""
    return per_row((found - wanted).abs()).sum()


class CycleCritic(BaseObjective):
    """Minimise ``((D(real) - 1)^2 + D(fake)^2) / 2`` for both critics.

    The model has ``generator.to_target``, ``generator.to_source``, ``critic.source`` and
    ``critic.target``; the batch is that of ``WithImagePool``, whose earlier translations stand in
    for new ones where the pool says so.
    Raises UserError for a batch without a pool.

    >>> from tilth.models.cycle_gan import cycle_gan
    >>> net = cycle_gan(channels=1, width=4, blocks=1, critic_width=4, critic_halvings=1)
    >>> real, never = torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.bool)
    >>> pair = Pair(real, real)
    >>> batch = PooledBatch(pair, torch.zeros(2, 0), torch.arange(2), {}, pair, Pair(never, never))
    >>> list(CycleCritic()(net, batch, None).parts)
    ['source', 'target']
    """

    moves = "critic"

    def __call__(self, model: Any, batch: PooledBatch, context: Context) -> Loss:
        """Compute both critics' losses, summed over the rows."""
        if not isinstance(batch, PooledBatch):
            raise UserError(
                f"a batch of type {type(batch).__name__} for CycleCritic",
                rule="its batches come from WithImagePool",
                fix="WithImagePool(source, size=0) keeps no earlier pictures",
            )
        made = translations(model, batch.inputs)
        critics = (model.critic.source, model.critic.target)
        parts = {}
        for side, (name, critic) in enumerate(zip(Pair._fields, critics, strict=True)):
            old = batch.use_earlier[side][:, None, None, None]
            fake = torch.where(old, batch.earlier[side], made[side])
            total = least_squares(critic(batch.inputs[side]), 1) + least_squares(critic(fake), 0)
            parts[name] = Term(total, len(batch.rows), weight=0.5)
        return Loss(parts, feedback=made)


@torch.no_grad()
def translations(model: Any, inputs: Pair) -> Pair:
    """Return the new pictures in both domains, as constants: (from target, from source)."""
    to_source, to_target = model.generator.to_source, model.generator.to_target
    made = (to_source(inputs.target), to_target(inputs.source))
    return Pair(*(at_least_float32(pictures) for pictures in made))


class CycleGenerator(BaseObjective):
    """Minimise the critics' distaste, the loss of going there and back, and that of staying.

    cycle: weight of the mean absolute error after both translations (lambda of equation 3)
    identity: weight of leaving a picture as it is that has the target's looks already, as a
    share of ``cycle`` (section 5.2; 0 leaves the term out, as domains of different channels must)
    Raises UserError for negative weights.

    >>> from tilth.models.cycle_gan import cycle_gan
    >>> net = cycle_gan(channels=1, width=4, blocks=1, critic_width=4, critic_halvings=1)
    >>> real = torch.zeros(2, 1, 8, 8)
    >>> batch = PooledBatch(Pair(real, real), torch.zeros(2, 0), torch.arange(2), {}, None, None)
    >>> list(CycleGenerator()(net, batch, None).parts)
    ['adversarial', 'cycle', 'identity']
    """

    moves = "generator"

    def __init__(self, *, cycle: float = 10.0, identity: float = 0.5) -> None:
        if cycle < 0 or identity < 0:
            raise UserError(
                f"cycle={cycle}, identity={identity}", rule="weights of losses are 0 or more"
            )
        self.cycle, self.identity = cycle, identity

    def __call__(self, model: Any, batch: PooledBatch, context: Context) -> Loss:
        """Compute the three terms, each summed over the rows of both directions."""
        source, target = batch.inputs
        to_target, to_source = model.generator.to_target, model.generator.to_source
        count = len(batch.rows)
        as_target, as_source = to_target(source), to_source(target)
        fooled = least_squares(model.critic.target(as_target), 1)
        fooled = fooled + least_squares(model.critic.source(as_source), 1)
        back = absolute(to_source(as_target), source) + absolute(to_target(as_source), target)
        parts = {
            "adversarial": Term(fooled, count),
            "cycle": Term(back, count, weight=self.cycle),
        }
        if self.identity > 0:
            kept = absolute(to_target(target), target) + absolute(to_source(source), source)
            parts["identity"] = Term(kept, count, weight=self.cycle * self.identity)
        made = (at_least_float32(pictures.detach()) for pictures in (as_source, as_target))
        return Loss(parts, feedback=Pair(*made))
