"""Learning to give rows back, clean where they came corrupted."""

from __future__ import annotations

from typing import cast

from torch import nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, Term
from tilth.data.noise import NoisyBatch
from tilth.nn.precision import at_least_float32

CORRUPTION = "corruption"


class Autoencode(BaseObjective):
    """Minimise the squared error of ``model(inputs)`` against the inputs, summed over a row.

    corruption: standard deviation, in units of the inputs, of Gaussian noise added to what the
    model sees and not to what it is compared with (denoising; Vincent et al. 2008, here with
    their Gaussian noise of 2010). The noise is ``batch.noise["corruption"]``, standard normal in
    the shape of the inputs; 0 asks for none.

    >>> import torch
    >>> batch = Batch(torch.ones(4, 2), torch.zeros(4), torch.arange(4))
    >>> loss = Autoencode()(nn.Linear(2, 2), batch, None)
    >>> loss.parts["squared_error"].count
    4
    """

    def __init__(self, *, corruption: float = 0.0, moves: str = "model") -> None:
        self.corruption, self.moves = corruption, moves

    def __call__(self, model: nn.Module, batch: Batch | NoisyBatch, context: Context) -> Loss:
        """Compute the squared error over all numbers of all rows, and the number of rows."""
        seen = clean = batch.inputs
        if self.corruption:
            seen = clean + self.corruption * cast(NoisyBatch, batch).noise[CORRUPTION]
        found = model(seen)
        error = (at_least_float32(found) - clean).square().sum()
        return Loss({"squared_error": Term(error, len(batch.rows))})
