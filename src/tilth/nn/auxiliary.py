"""Extra heads on inner layers, which are there while a net learns and are left out after it.

Szegedy et al. 2015, "Going Deeper with Convolutions", section 5: the gradient of their losses,
weighted by 0.3, reaches the early layers of a deep net on a short way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tilth.nn.body_head import BodyHead
from tilth.nn.tapped import tapped

WEIGHT = 0.3
"""Of the loss of each extra head (Szegedy et al. 2015, section 5)."""


class AuxiliaryHeads(nn.Module):
    """``head(body(inputs))`` with heads on layers inside the body, asked for while it learns.

    heads: layer of the body -> its head, from what the layer gives to [B, outputs]
    weight: of the loss of each of them

    >>> import torch
    >>> body = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> net = AuxiliaryHeads(body, nn.Linear(3, 2), {"0": nn.Linear(3, 2)}, weight=0.3)
    >>> net(torch.ones(5, 4)).shape, list(net.with_auxiliary(torch.ones(5, 4))[1])
    (torch.Size([5, 2]), ['0'])
    """

    def __init__(
        self, body: nn.Module, head: nn.Module, heads: Mapping[str, nn.Module], *, weight: float
    ) -> None:
        super().__init__()
        self.body, self.head, self.weight = body, head, weight
        self.auxiliary = nn.ModuleDict(dict(heads))

    def forward(self, inputs: Any) -> Tensor:
        """Return [B, outputs] of the head alone."""
        answer: Tensor = self.head(self.body(inputs))
        return answer

    def head_parts(self) -> list[nn.Module]:
        """Return what learns as the last layer group (see ``nn/layer_groups.py``)."""
        return [self.auxiliary, self.head]

    def with_auxiliary(self, inputs: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what ``forward`` does, and layer -> [B, outputs] of its own head."""
        features, found = tapped(self.body, list(self.auxiliary), inputs)
        return self.head(features), {
            name: head(found[name]) for name, head in self.auxiliary.items()
        }


def answers(model: nn.Module, inputs: Any) -> tuple[Tensor, dict[str, Tensor], float]:
    """Return a model's outputs, those of its auxiliary heads while it learns, and their weight.

    A model without such heads, and any model in evaluation mode, has none.

    >>> import torch
    >>> answers(nn.Identity(), torch.ones(1))
    (tensor([1.]), {}, 0.0)
    """
    plain = getattr(model, "_orig_mod", model)  # inside a compiled one
    if isinstance(plain, AuxiliaryHeads) and plain.training:
        outputs, extra = plain.with_auxiliary(inputs)
        return outputs, extra, plain.weight
    return model(inputs), {}, 0.0


def without_auxiliary(model: nn.Module) -> nn.Module:
    """Return a model without its auxiliary heads: the same layers, not copies of them.

    >>> without_auxiliary(AuxiliaryHeads(nn.ReLU(), nn.ReLU(), {}, weight=0.3))
    BodyHead(
      (body): ReLU()
      (head): ReLU()
    )
    """
    if isinstance(model, AuxiliaryHeads):
        return BodyHead(model.body, model.head).train(model.training)
    return model
