"""What a policy says of actions that were taken: what policy gradients are made of."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class Judged(NamedTuple):
    """Each is [B].

    log_probs: of the actions; entropies: of the policy, in nats; values: of what was seen
    """

    log_probs: Tensor
    entropies: Tensor
    values: Tensor


class Judge(Protocol):
    """A model whose actions have probabilities."""

    def judge(self, observations: Tensor, actions: Tensor) -> Judged:
        """Return log-probabilities of ``actions``, entropies and values."""
        ...
