"""A critic that judges overlapping patches of a picture, each by its own score.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section
3.2.2 and appendix 6.1.2: with three halvings a score sees 70 x 70 pixels.
"""

from __future__ import annotations

from torch import nn


def patch_critic(channels: int, *, width: int = 64, halvings: int = 3) -> nn.Sequential:
    """Return a net [B, channels, H, W] -> scores [B, 1, H', W'] with no last activation.

    Convolutions 4 x 4: ``halvings`` of stride 2, two of stride 1; instance norm in all but the
    first and last, leaky ReLU of slope 0.2.

    >>> net = patch_critic(3)
    >>> sum(p.numel() for p in net.parameters())
    2764737
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
    ]
    fan_in = width
    for step in range(1, halvings + 1):
        fan_out = width * min(2**step, 8)
        stride = 2 if step < halvings else 1
        layers.append(nn.Conv2d(fan_in, fan_out, 4, stride=stride, padding=1))
        layers += [nn.InstanceNorm2d(fan_out), nn.LeakyReLU(0.2)]
        fan_in = fan_out
    return nn.Sequential(*layers, nn.Conv2d(fan_in, 1, 4, padding=1))
