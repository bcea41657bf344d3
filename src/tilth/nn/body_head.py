"""A network in two parts: a body that makes features and a head that answers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class BodyHead(nn.Module):
    """``head(body(inputs))``; the split that warm start and fine-tuning rely on.

    body: model inputs -> [B, features]; head: [B, features] -> [B, outputs]

    >>> import torch
    >>> net = BodyHead(nn.Flatten(), nn.Linear(4, 3))
    >>> net(torch.zeros(2, 1, 2, 2)).shape
    torch.Size([2, 3])
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, inputs: Any) -> Tensor:
        """Return [B, outputs]: logits for classes, standardised numbers for regression."""
        answer: Tensor = self.head(self.body(inputs))
        return answer
