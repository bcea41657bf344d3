"""From raw pixels to model inputs: the one place where both training and prediction do it."""

from __future__ import annotations

import torch
from torch import Tensor


def normalise(raw: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return float32 ``(raw - mean) / std``, per channel; ``raw`` is left as it is.

    raw: [..., C, H, W], uint8 or float32; mean, std: [C] float32 in the units of ``raw`` (0..255
    for uint8). Subtraction and product are two rounded steps, so that a picture gives the same
    bits alone and in any batch.

    >>> normalise(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), torch.tensor([127.5]),
    ...           torch.tensor([127.5]))
    tensor([[[[-1.,  1.]]]])
    """
    shifted = raw.to(torch.float32) - mean[:, None, None]
    return shifted.mul_((1.0 / std)[:, None, None])
