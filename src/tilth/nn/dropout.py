"""Dropout whose draws cost a third of torch's on a processor.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, "Dropout: A Simple Way to
Prevent Neural Networks from Overfitting". torch draws one number per element with a serial
generator; here one 64-bit draw serves four elements, 16 bits each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.errors import UserError

_LEVELS = 1 << 16


class Dropout(nn.Module):
    """Zero each element with chance ``p`` while training, and scale the others by 1 / (1 - p).

    On a processor ``p`` is rounded to a multiple of 2^-16, and the scale is that of the rounded
    one, so that means are kept (bfloat16 rounds the scale too). Elsewhere this is torch's own.
    Any shape in, the same out.
    Raises UserError for ``p`` outside [0, 1).

    >>> layer = Dropout(0.5).eval()
    >>> layer(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UserError(f"dropout {p}", rule="a chance from 0 to below 1", fix="give 0.1")
        self.p = p

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with some of them zeroed; as they are in eval mode."""
        if not self.training or self.p == 0:
            return features
        if features.device.type != "cpu":
            return F.dropout(features, self.p, training=True)
        return features * kept(features, self.p)

    def extra_repr(self) -> str:
        """Return what ``print`` shows of the layer."""
        return f"p={self.p}"


def kept(features: Tensor, p: float) -> Tensor:
    """Return a mask like ``features``: 0 with chance p, else the scale; from torch's stream."""
    zeroed = min(round(p * _LEVELS), _LEVELS - 1)
    words = torch.empty(-(-features.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[: features.numel()].view(features.shape)
    mask = (draws >= zeroed - _LEVELS // 2).to(features.dtype)
    return mask.mul_(_LEVELS / (_LEVELS - zeroed))
