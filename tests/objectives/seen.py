"""What the tests of feature losses share: random nets, the same every time, and pictures."""

import torch
from torch import nn

from tilth.models.small_vgg import small_vgg


def vgg_body(**arguments):
    """Return a random net like torchvision's vgg*_bn."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return small_vgg(channels=3, size=16, outputs=2, **arguments).body


def painter():
    """Return a small net from pictures to pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Tanh()]
        return nn.Sequential(*layers, nn.Conv2d(4, 3, 3, padding=1))
