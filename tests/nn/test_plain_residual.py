"""A residual block without norms is its formula."""

import torch
import torch.nn.functional as F

from tilth.nn.plain_residual import PlainResidual


def test_it_is_its_formula():
    block = PlainResidual(3)
    first, _, second = block.branch
    x = torch.randn(2, 3, 5, 4)
    inner = F.relu(F.conv2d(x, first.weight, first.bias, padding=1))
    torch.testing.assert_close(block(x), x + F.conv2d(inner, second.weight, second.bias, padding=1))
