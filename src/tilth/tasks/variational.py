"""Rows as draws from a model with latent variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from tilth.contracts import Objective
from tilth.data.dataset import Data, Rows
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.objectives.variational import LATENT, LatentModel, Variational, bound_parts
from tilth.tasks import Metric
from tilth.tasks._item_means import mean_of
from tilth.tasks._reconstructing import Reconstructing

WAYS = ("beta",)
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""


class VariationalTask(Reconstructing):
    """The evidence lower bound of each row, in nats."""

    name = "variational"
    model = "vae"
    main_metric = "elbo"

    def __init__(self, beta: float, binary: bool) -> None:
        if not beta > 0:
            raise UserError(f"beta={beta}", rule="it weighs the divergence, so it is above 0")
        self.beta, self.binary = beta, binary
        self.metrics = {
            "elbo": Metric("elbo", mean_of(0)),
            "reconstruction": Metric("reconstruction", mean_of(1)),
            "kl": Metric("kl", mean_of(2), "min"),
        }

    def adapt(self, data: Data) -> Data:
        """Return pictures in [0, 1], or black and white by chance where asked; arrays as rows.

        Raises UserError for rows that are neither, and for arrays to be made black and white.
        """
        found = super().adapt(data)
        if not self.binary:
            return found
        if not isinstance(found, ImageData):
            raise UserError(
                f"binary=True for {data.name}",
                rule="pixels are made black or white with their brightness as the chance",
                fix="leave binary out",
            )
        return dataclasses.replace(found, binary=True)

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the shape of a row, the number of latents, and a likelihood for 0 and 1."""
        likelihood = {"likelihood": "bernoulli"} if self.binary else {}
        return {**super().model_arguments(data), **likelihood}

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


def variational(*, beta: float = 1.0, binary: bool = False) -> VariationalTask:
    """Return the task of a variational autoencoder.

    beta: weight of the divergence; binary: whether pictures are made black and white by chance,
    anew in every epoch, and given a Bernoulli likelihood: the bound is then of a probability

    >>> variational(beta=4.0).main_metric
    'elbo'
    """
    return VariationalTask(beta, binary)
