"""A chain of 3 x 3 convolutions and pools, whose inner layers make good features to compare.

Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
made small: for training on pictures of 28 to 96 px, and then for feature losses and style
(``FeatureNet(model.body)``). Batch norm after each convolution, as in torchvision's vgg*_bn.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tilth.errors import UserError
from tilth.nn.body_head import BodyHead
from tilth.nn.residual_stage import conv_norm_relu
from tilth.nn.sizes import height_width


def small_vgg(
    *,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    width: int = 32,
    stages: int = 3,
    depth: int = 2,
) -> nn.Module:
    """Return ``stages`` times (``depth`` convolutions, max pool), global mean, linear head.

    channels, size: of the pictures [B, channels, *size]; each side at least 2 ** stages px
    width: channels of the first stage, doubled by each following one
    Raises UserError for fewer than one stage or convolution.

    >>> net = small_vgg(channels=3, size=32, outputs=10)
    >>> sum(p.numel() for p in net.parameters())
    288746
    """
    if stages < 1 or depth < 1:
        raise UserError(f"stages={stages}, depth={depth}", rule="both are at least 1")
    height_width(size, at_least=2**stages)
    layers: list[nn.Module] = []
    fan_in = channels
    for stage in range(stages):
        fan_out = width * 2**stage
        for _ in range(depth):
            layers += list(conv_norm_relu(fan_in, fan_out))
            fan_in = fan_out
        layers.append(nn.MaxPool2d(2))
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return BodyHead(body, nn.Linear(fan_in, outputs))
