"""Drawing rows so that those with rare codes come as often as those with common ones."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.errors import UserError

ALPHA, BINS = 0.1, 10


def resampling_weights(codes: Tensor, *, alpha: float = ALPHA, bins: int = BINS) -> Tensor:
    """Return [N] chances, summing to 1, in which rows of rare codes are drawn more often.

    codes: [N, D]; alpha: how much is evened out, from nearly all (towards 0) to nothing (a large
    one gives equal chances); bins: of the histogram of each latent
    The chance is in proportion to the product over latents of 1 / (Q(z) + alpha), with Q(z) the
    share of rows in the latent's own bin (Amini et al. 2019, "Uncovering and mitigating
    algorithmic bias through learned latent structure", equation 3). Departure: Q are shares, so
    that alpha means the same whatever the scale of a latent. Latents are taken as independent.
    Raises UserError for an alpha that is not above 0, and for fewer than one bin.

    >>> codes = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
    >>> [round(chance, 3) for chance in resampling_weights(codes, alpha=0.25).tolist()]
    [0.2, 0.2, 0.2, 0.4]
    """
    if not alpha > 0:
        raise UserError(f"alpha={alpha}", rule="it is above 0, so that no row alone is drawn")
    if bins < 1:
        raise UserError(f"bins={bins}", rule="a histogram has at least one bin")
    values = codes.double().cpu()
    low, high = values.amin(0), values.amax(0)
    width = torch.where(high > low, high - low, 1.0)
    place = ((values - low) / width * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(bins, values.shape[1], dtype=torch.float64)
    counts.scatter_add_(0, place, torch.ones_like(values))
    share = counts.gather(0, place) / len(values)
    return torch.softmax(-(share + alpha).log().sum(1), dim=0)


def effective_rows(weights: Tensor) -> float:
    """Return how many rows of equal chance are worth as much (Kish 1965): 1 / sum of squares.

    >>> effective_rows(torch.tensor([0.5, 0.5, 0.0]))
    2.0
    """
    return float(weights.sum().square() / weights.square().sum())
