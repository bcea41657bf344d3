"""Learning a density: the negative log-likelihood of numbers under a mixture of Gaussians."""

from __future__ import annotations

from torch import nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, Term
from tilth.nn.distributions import gaussian_mixture_log_prob


class MixtureLikelihood(BaseObjective):
    """Minimise ``-log p(targets)`` of the mixture that the model gives (Bishop 1994, equation 29).

    The model returns logits, means and log standard deviations, each [B, K]; ``targets`` are [B].

    >>> import torch
    >>> from tilth.models.mixture_density import mixture_density
    >>> batch = Batch(torch.zeros(4, 2), torch.ones(4), torch.arange(4))
    >>> MixtureLikelihood()(mixture_density(channels=2), batch, None).parts["likelihood"].count
    4
    """

    def __init__(self, *, moves: str = "model") -> None:
        self.moves = moves

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the summed negative log-likelihood of a batch."""
        logits, means, log_stds = model(batch.inputs)
        targets = batch.targets.reshape(len(batch.rows))
        log_probs = gaussian_mixture_log_prob(logits, means, log_stds, targets)
        return Loss({"likelihood": Term(-log_probs.sum(), len(batch.rows))})
