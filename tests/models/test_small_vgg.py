"""A small VGG: its parameters by hand, and its taps."""

import pytest
import torch

from tilth.errors import UserError
from tilth.models.small_vgg import small_vgg
from tilth.nn.feature_net import FeatureNet


def test_parameters_by_hand():
    net = small_vgg(channels=3, size=32, outputs=10, width=16, stages=2, depth=2)
    pairs = [(3, 16), (16, 16), (16, 32), (32, 32)]
    wanted = sum(9 * a * b + 2 * b for a, b in pairs) + 32 * 10 + 10
    assert sum(p.numel() for p in net.parameters()) == wanted


def test_its_taps_are_the_maps_before_each_pool():
    net = small_vgg(channels=1, size=28, outputs=10, width=4)
    maps = FeatureNet(net.body)(torch.randn(2, 1, 28, 28))
    assert [one.shape[1:] for one in maps] == [(4, 28, 28), (8, 14, 14), (16, 7, 7)]
    assert all(bool((one >= 0).all()) for one in maps)  # after the ReLU


def test_too_small_and_too_shallow_are_refused():
    with pytest.raises(UserError, match="at least 8"):
        small_vgg(channels=1, size=7, outputs=2)
    with pytest.raises(UserError, match="depth=0"):
        small_vgg(channels=1, size=8, outputs=2, depth=0)
