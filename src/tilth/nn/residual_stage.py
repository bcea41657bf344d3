"""The stage of fast small residual nets: convolve, halve the picture, then refine it.

The order convolution -> pool -> batch norm -> ReLU (instead of pooling last) is that of Keller
Jordan's airbench nets (2024, https://arxiv.org/abs/2404.00498); the residual branch of
convolution -> batch norm -> ReLU that of David Page's ResNet-9 (2018, DAWNBench). Norm and ReLU
then see a quarter of the pixels, which on a processor is where such nets spend their time.
"""

from __future__ import annotations

from torch import Tensor, nn


def conv_norm_relu(fan_in: int, fan_out: int) -> nn.Sequential:
    """Return a 3 x 3 convolution that keeps the size, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False),  # the norm has a bias
        nn.BatchNorm2d(fan_out),
        nn.ReLU(),
    )


class ResidualStage(nn.Module):
    """[B, fan_in, H, W] -> [B, fan_out, H // 2, W // 2].

    depth: convolutions of the residual branch; 0 leaves it out

    >>> import torch
    >>> ResidualStage(3, 8, depth=1)(torch.zeros(2, 3, 7, 4)).shape
    torch.Size([2, 8, 3, 2])
    """

    def __init__(self, fan_in: int, fan_out: int, *, depth: int) -> None:
        super().__init__()
        self.halve = nn.Sequential(
            nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(fan_out),
            nn.ReLU(),
        )
        self.refine = nn.Sequential(*(conv_norm_relu(fan_out, fan_out) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the halved map, refined."""
        halved: Tensor = self.halve(x)
        return halved + self.refine(halved) if len(self.refine) else halved
