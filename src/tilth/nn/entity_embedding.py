"""Entity embeddings: one learned vector per category of each column.

Guo and Berkhahn 2016, "Entity Embeddings of Categorical Variables"; the width rule is the one of
fastai's tabular learner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def embedding_width(cardinality: int) -> int:
    """Return the width for a column of ``cardinality`` categories: min(600, round(1.6 n^0.56)).

    >>> [embedding_width(n) for n in (2, 10, 1000, 10**6)]
    [2, 6, 77, 600]
    """
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


class EntityEmbedding(nn.Module):
    """Look up every column's category and lay the vectors side by side.

    cardinalities: rows per column, row 0 (unknown or missing) included
    Vectors start as normal numbers of sd 0.01 (fastai), but row 0 starts at zero: a category
    that was never seen in training then says nothing instead of something random.

    >>> EntityEmbedding([3, 10])(torch.tensor([[0, 9], [2, 1]])).shape
    torch.Size([2, 9])
    """

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        widths = [embedding_width(n) for n in cardinalities]
        pairs = zip(cardinalities, widths, strict=True)
        self.tables = nn.ModuleList(_table(n, width) for n, width in pairs)
        self.width = sum(widths)

    def forward(self, categories: Tensor) -> Tensor:
        """Return [B, width] for [B, columns] int64 category numbers."""
        columns = zip(self.tables, categories.unbind(1), strict=True)
        return torch.cat([table(column) for table, column in columns], dim=1)


def _table(cardinality: int, width: int) -> nn.Embedding:
    start = nn.init.trunc_normal_(torch.empty(cardinality, width), std=0.01)
    start[0] = 0.0
    return nn.Embedding(cardinality, width, _weight=start)
