"""The two-convolution net that MNIST tutorials use; fast, and the same in every framework.

Convolutions of 3 x 3 without padding, one 2 x 2 maximum pool, one hidden dense layer (the
`mnist_cnn` example of Keras, the `mnist` example of PyTorch), here without their dropout.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


def two_conv(
    *,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    width: int = 32,
    hidden: int = 128,
) -> nn.Module:
    """Return conv ``width`` -> conv ``2 * width`` -> pool -> dense ``hidden`` -> head.

    channels, size: of the pictures [B, channels, *size]; each side at least 6 px

    >>> net = two_conv(channels=1, size=28, outputs=10)
    >>> sum(p.numel() for p in net.parameters())
    1199882
    """
    height, wide = (side // 2 - 2 for side in height_width(size, at_least=6))
    body = nn.Sequential(
        nn.Conv2d(channels, width, 3),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * height * wide, hidden),
        nn.ReLU(),
    )
    return BodyHead(body, nn.Linear(hidden, outputs))
