"""The residual nets of He et al. for pictures of 32 px, and the same nets without skips.

He, Zhang, Ren and Sun 2016, "Deep Residual Learning for Image Recognition", section 4.2: 6 n + 2
layers in three stages, shortcuts without weights (their option A). Without skips they are the
plain nets that get worse as they get deeper.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.body_head import BodyHead
from tilth.nn.sizes import height_width


class CifarBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm, and the block's input added where it skips.

    >>> import torch
    >>> CifarBlock(2, 4, stride=2, skip=True)(torch.zeros(1, 2, 8, 8)).shape
    torch.Size([1, 4, 4, 4])
    """

    def __init__(self, fan_in: int, fan_out: int, *, stride: int, skip: bool) -> None:
        super().__init__()
        self.stride, self.skip, self.grown = stride, skip, fan_out - fan_in
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(fan_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, fan_out, H / stride, W / stride]."""
        branch: Tensor = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if self.skip:  # every other pixel, and zeros for the channels that are new
            same = x[..., :: self.stride, :: self.stride]
            branch = branch + F.pad(same, (0, 0, 0, 0, 0, self.grown))
        return F.relu(branch)


def cifar_resnet(
    *,
    channels: int,
    size: int | Sequence[int],
    outputs: int,
    depth: int = 20,
    width: int = 16,
    skip: bool = True,
    zero_last: bool = False,
) -> nn.Module:
    """Return ResNet-``depth`` for small pictures: 20, 32, 44, 56 or 110 layers in the paper.

    channels, size: of the pictures [B, channels, *size]; each side at least 4 px
    width: channels of the first of three stages; skip: False gives the plain net
    zero_last: begin each block's last norm at zero, so that a block begins as the identity
    (Goyal et al. 2017, section 5.1)

    Raises UserError for a depth that is not 6 n + 2, and for zero_last without skips.

    >>> net = cifar_resnet(channels=3, size=32, outputs=10)
    >>> sum(p.numel() for p in net.parameters())
    269722
    """
    if depth < 8 or depth % 6 != 2:
        raise UserError(f"depth={depth}", rule="depth is 6 n + 2", fix="use 20, 32, 44 or 56")
    if zero_last and not skip:
        raise UserError(
            "zero_last=True with skip=False", rule="a plain net that begins at zero stays there"
        )
    height_width(size, at_least=4)
    stages = [width, width, 2 * width, 4 * width]
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for stage, (fan_in, fan_out) in enumerate(pairwise(stages)):
        first = CifarBlock(fan_in, fan_out, stride=2 if stage else 1, skip=skip)
        rest = ((depth - 2) // 6) - 1
        layers += [first, *(CifarBlock(fan_out, fan_out, stride=1, skip=skip) for _ in range(rest))]
    for layer in nn.Sequential(*layers).modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(layer, CifarBlock) and zero_last:
            nn.init.zeros_(layer.norm2.weight)
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return BodyHead(body, nn.Linear(stages[-1], outputs))
