"""Picture to picture: sizes, counts by hand, and a residual block that begins where it is."""

import pytest
import torch
from torch import nn

from tilth.nn.picture_translator import ResidualBlock, picture_translator


@pytest.mark.parametrize(("blocks", "wanted"), [(9, 11_378_179), (6, 7_837_699)])
def test_parameters_are_the_published_ones(blocks, wanted):
    net = picture_translator(3, 3, width=64, blocks=blocks)
    assert sum(p.numel() for p in net.parameters()) == wanted


def conv_parameters(fan_in, fan_out, side):
    return fan_in * fan_out * side**2 + fan_out


def test_parameters_of_a_small_one_by_hand():
    net = picture_translator(1, 2, width=4, blocks=1, kernel=5, affine=True, resize=True)
    convolutions = (
        conv_parameters(1, 4, 5)
        + conv_parameters(4, 8, 3)
        + conv_parameters(8, 16, 3)
        + 2 * conv_parameters(16, 16, 3)
        + conv_parameters(16, 8, 3)
        + conv_parameters(8, 4, 3)
        + conv_parameters(4, 2, 5)
    )
    norms = 2 * (4 + 8 + 16 + 2 * 16 + 8 + 4)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms


@pytest.mark.parametrize("resize", [False, True])
def test_it_keeps_the_size_and_stays_within_one(resize):
    net = picture_translator(2, 3, width=4, blocks=1, resize=resize)
    found = net(torch.randn(2, 2, 28, 16) * 10)
    assert found.shape == (2, 3, 28, 16) and float(found.detach().abs().max()) <= 1


def test_a_residual_block_adds_its_branch():
    block = ResidualBlock(3, affine=True)
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(block(x), x + block.branch(x))
    nn.init.zeros_(block.branch[-1].weight)
    assert torch.equal(block(x), x)


def test_instance_norm_takes_away_a_picture_s_contrast():
    """What makes style a property of one picture: scaling and lifting it changes nothing."""
    net = picture_translator(1, 1, width=4, blocks=1).double()
    x = torch.randn(1, 1, 12, 12, dtype=torch.float64)
    torch.testing.assert_close(net(3 * x + 2), net(x), rtol=0, atol=1e-4)
