"""Entity embeddings and a multi-layer perceptron, for tables.

Guo and Berkhahn 2016, "Entity Embeddings of Categorical Variables", in the form that fastai's
tabular learner made common: dropout on the embeddings, batch norm on the numbers, then
linear -> ReLU -> batch norm -> dropout per layer. Beside the numbers themselves the net gets
periodic embeddings of them (Gorishniy, Rubachev and Babenko 2022): with standardised numbers
alone such nets follow a smooth trend and miss steps, which trees do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.body_head import BodyHead
from tilth.nn.dropout import Dropout
from tilth.nn.entity_embedding import EntityEmbedding
from tilth.nn.periodic_embedding import PeriodicEmbedding


class _TableBody(nn.Module):
    """(numbers [B, n], categories [B, c]) -> features."""

    def __init__(
        self,
        num_numbers: int,
        cardinalities: Sequence[int],
        layers: Sequence[int],
        dropout: float,
        embedding_dropout: float,
        frequencies: int,
    ) -> None:
        super().__init__()
        self.embedding = EntityEmbedding(cardinalities) if cardinalities else None
        self.embedding_dropout = Dropout(embedding_dropout)
        self.norm = nn.BatchNorm1d(num_numbers) if num_numbers else None
        self.periodic = None
        if num_numbers and frequencies:
            self.periodic = PeriodicEmbedding(num_numbers, frequencies=frequencies)
        width = num_numbers
        width += self.embedding.width if self.embedding else 0
        width += self.periodic.width if self.periodic else 0
        steps: list[nn.Module] = []
        for fan_in, fan_out in pairwise([width, *layers]):
            steps += [
                nn.Linear(fan_in, fan_out, bias=False),  # the batch norm has a bias
                nn.ReLU(),
                nn.BatchNorm1d(fan_out),
                Dropout(dropout),
            ]
        self.layers = nn.Sequential(*steps)
        self.width = layers[-1] if layers else width

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        numbers, categories = inputs
        parts: list[Tensor] = []
        if self.embedding is not None:
            parts.append(self.embedding_dropout(self.embedding(categories)))
        if self.norm is not None:
            parts.append(self.norm(numbers))
        if self.periodic is not None:
            parts.append(self.periodic(numbers))
        features: Tensor = self.layers(torch.cat(parts, dim=1))
        return features


def tabular_mlp(
    *,
    num_numbers: int,
    cardinalities: Sequence[int],
    outputs: int,
    layers: Sequence[int] = (200, 100),
    dropout: float = 0.1,
    embedding_dropout: float = 0.1,
    frequencies: int = 16,
) -> nn.Module:
    """Return the net; its input is a pair (numbers [B, num_numbers], categories [B, columns]).

    numbers are standardised; cardinalities: categories per column, number 0 (unknown or missing)
    included; frequencies: of the periodic embedding of each number, 0 leaves it out

    >>> net = tabular_mlp(num_numbers=2, cardinalities=[5, 3], outputs=1)
    >>> net((torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.int64))).shape
    torch.Size([4, 1])
    """
    if num_numbers + len(cardinalities) == 0:
        raise UserError(
            "a table without columns", rule="num_numbers or cardinalities must name some"
        )
    if any(n < 1 for n in cardinalities):
        raise UserError(
            f"cardinalities={list(cardinalities)}",
            rule="each is at least 1: number 0 is the unknown category",
        )
    body = _TableBody(num_numbers, cardinalities, layers, dropout, embedding_dropout, frequencies)
    return BodyHead(body, nn.Linear(body.width, outputs))
