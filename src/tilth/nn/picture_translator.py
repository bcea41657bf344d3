"""From a picture to a picture of the same size: convolve down, residual blocks, convolve up.

Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(supplement, table 1), as Zhu et al. 2017 use it for CycleGAN (section 7.2 and the authors' code):
reflected borders, instance norm (Ulyanov et al. 2016) and ReLU after each convolution.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """[B, width, H, W] -> the same: ``x + norm(conv(relu(norm(conv(x)))))``."""

    def __init__(self, width: int, *, affine: bool = False) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width, affine=affine),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined map."""
        refined: Tensor = x + self.branch(x)
        return refined


def picture_translator(
    channels: int,
    outputs: int,
    *,
    width: int,
    blocks: int,
    halvings: int = 2,
    kernel: int = 7,
    affine: bool = False,
    resize: bool = False,
) -> nn.Sequential:
    """Return a net [B, channels, H, W] -> [B, outputs, H, W] in [-1, 1].

    width: channels at full size, doubled by each of the ``halvings``; sides must be multiples of
    2 ** halvings
    kernel: side of the first and last convolution; affine: whether norms learn scale and shift
    resize: go up by repeating pixels and a convolution, which leaves no checkerboard (Odena et
    al. 2016), in place of a transposed convolution

    >>> net = picture_translator(3, 3, width=64, blocks=9)  # the one of the paper
    >>> sum(p.numel() for p in net.parameters())
    11378179
    """
    widths = [width * 2**step for step in range(halvings + 1)]
    layers: list[nn.Module] = [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels, width, kernel)]
    layers += [nn.InstanceNorm2d(width, affine=affine), nn.ReLU()]
    for fan_in, fan_out in pairwise(widths):
        layers.append(nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1))
        layers += [nn.InstanceNorm2d(fan_out, affine=affine), nn.ReLU()]
    layers += [ResidualBlock(widths[-1], affine=affine) for _ in range(blocks)]
    for fan_in, fan_out in pairwise(reversed(widths)):
        layers += _doubling(fan_in, fan_out, resize=resize)
        layers += [nn.InstanceNorm2d(fan_out, affine=affine), nn.ReLU()]
    layers += [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(width, outputs, kernel), nn.Tanh()]
    return nn.Sequential(*layers)


def _doubling(fan_in: int, fan_out: int, *, resize: bool) -> list[nn.Module]:
    if resize:
        return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(fan_in, fan_out, 3)]
    return [nn.ConvTranspose2d(fan_in, fan_out, 3, stride=2, padding=1, output_padding=1)]
