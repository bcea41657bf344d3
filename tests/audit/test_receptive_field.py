"""Receptive fields of the registered nets against the arithmetic of their layers."""

import pytest
import torch
from torch import nn

from tilth.audit.receptive_field import receptive_field
from tilth.models.small_resnet import small_resnet
from tilth.models.small_vgg import small_vgg
from tilth.models.two_conv import two_conv


def field(layers):
    """Return the side that (kernel, stride) layers see: r += (kernel - 1) * jump."""
    side, jump = 1, 1
    for kernel, stride in layers:
        side, jump = side + (kernel - 1) * jump, jump * stride
    return side


STAGE = [(3, 1), (2, 2), (3, 1)]  # convolve, pool, refine
CASES = {
    "two_conv": (two_conv(channels=1, size=28, outputs=2), "body.4", [(3, 1), (3, 1), (2, 2)]),
    "one stage": (small_resnet(channels=1, size=64, outputs=2), "body.2", [(4, 2), *STAGE]),
    "two stages": (
        small_resnet(channels=1, size=64, outputs=2), "body.3", [(4, 2), *STAGE, *STAGE]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_that_of_the_layers_arithmetic(name):
    net, layer, layers = CASES[name]
    side = 28 if name == "two_conv" else 64
    top, left, bottom, right = receptive_field(net, torch.zeros(1, 1, side, side), layer)
    assert bottom - top + 1 == right - left + 1 == field(layers)


def test_dilation_corners_and_strides():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 2, 3, stride=2))
    assert receptive_field(net, torch.zeros(1, 1, 15, 15), "1", (2, 2)) == (2, 2, 8, 8)
    assert receptive_field(net, torch.zeros(1, 1, 15, 15), "1", (0, 0)) == (0, 0, 4, 4)


def test_the_last_map_of_the_usual_nets_is_stated():
    """What a cell of the last map sees of 28 px: all of it but for the edges."""
    net = small_resnet(channels=1, size=28, outputs=2)
    assert receptive_field(net, torch.zeros(1, 1, 28, 28), "body.4") == (0, 0, 27, 27)
    vgg = small_vgg(channels=1, size=28, outputs=2)
    first = next(name for name, m in vgg.named_modules() if isinstance(m, nn.Conv2d))
    top, left, bottom, right = receptive_field(vgg, torch.zeros(1, 1, 28, 28), first)
    assert (bottom - top, right - left) == (2, 2)
