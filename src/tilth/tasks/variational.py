"""Rows as draws from a model with latent variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from tilth.contracts import Objective
from tilth.data.dataset import Rows
from tilth.errors import UserError
from tilth.objectives.variational import LATENT, LatentModel, Variational, bound_parts
from tilth.tasks import Metric
from tilth.tasks._item_means import mean_of
from tilth.tasks._reconstructing import Reconstructing


class VariationalTask(Reconstructing):
    """The evidence lower bound of each row, in nats."""

    name = "variational"
    model = "vae"
    main_metric = "elbo"

    def __init__(self, beta: float) -> None:
        if not beta > 0:
            raise UserError(f"beta={beta}", rule="it weighs the divergence, so it is above 0")
        self.beta = beta
        self.metrics = {
            "elbo": Metric("elbo", mean_of(0)),
            "reconstruction": Metric("reconstruction", mean_of(1)),
            "kl": Metric("kl", mean_of(2), "min"),
        }

    def objective(self) -> Objective:
        """Return the negative bound over the batch."""
        return Variational(beta=self.beta)

    def noise(self, data: Rows, model: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return one draw of the latents a row."""
        return {LATENT: (latents_of(model, data),)}

    def row_values(self, model: nn.Module, inputs: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return each row's bound (of beta = 1), its fit and its divergence, in nats."""
        fit, divergence = bound_parts(cast(LatentModel, model), inputs, noise[LATENT])
        return torch.stack([fit - divergence, fit, divergence], dim=1)


def latents_of(model: nn.Module, data: Rows) -> int:
    """Return how many latents a model has."""
    rows = torch.from_numpy(data.splits["train"][:1])
    inputs = data.prepare(train=False)(data.store.take(rows), rows, 0)
    place = next(model.parameters()).device
    with torch.no_grad():
        mean, _ = cast(LatentModel, model).encode(inputs.to(place))
    return int(mean.shape[1])


def variational(*, beta: float = 1.0) -> VariationalTask:
    """Return the task of a variational autoencoder; beta: weight of the divergence.

    >>> variational(beta=4.0).main_metric
    'elbo'
    """
    return VariationalTask(beta)
