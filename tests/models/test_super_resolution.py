"""Super-resolution begins at the bicubic enlargement, and learns what that lacks."""

import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.models.super_resolution import super_resolution

CASE = {
    "arguments": {"channels": 2, "factor": 2, "width": 8, "blocks": 1},
    "inputs": lambda rows: torch.randn(rows, 2, 6, 6, generator=torch.Generator().manual_seed(1)),
    # the last layer begins at zero, and would hide what lies before it
    "call": lambda model, inputs: torch.cat(
        [model(inputs).flatten(1), model.details[:-1](inputs).flatten(1)], dim=1
    ),
}
"""How tests/contracts/test_models.py builds and calls it."""


@pytest.mark.parametrize("factor", [2, 4])
def test_untrained_it_is_the_bicubic_enlargement(factor):
    net = super_resolution(channels=3, factor=factor, width=4, blocks=1)
    small = torch.rand(2, 3, 5, 7)
    wanted = F.interpolate(small, size=(5 * factor, 7 * factor), mode="bicubic")
    torch.testing.assert_close(net(small), wanted)


def test_parameters_by_hand():
    net = super_resolution(channels=3, factor=4, width=16, blocks=2)

    def convolution(fan_in, fan_out):
        return 9 * fan_in * fan_out + fan_out

    wanted = convolution(3, 16) + 4 * convolution(16, 16) + 2 * convolution(16, 64)
    assert sum(p.numel() for p in net.parameters()) == wanted + convolution(16, 3)


def test_it_learns_what_the_bicubic_one_lacks():
    """Stripes of one pixel, lost in the small picture but told by their direction's colour."""
    torch.manual_seed(0)
    across = (torch.arange(16) % 2).float().expand(16, 16)
    large = torch.stack([across, across.T])[:, None]
    small = F.avg_pool2d(large, 2) + torch.tensor([0.2, -0.2]).view(2, 1, 1, 1)
    net = super_resolution(channels=1, factor=2, width=8, blocks=1)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    start = float(F.mse_loss(net(small), large).detach())
    for _ in range(100):
        optimizer.zero_grad()
        F.mse_loss(net(small), large).backward()
        optimizer.step()
    assert float(F.mse_loss(net(small), large).detach()) < 0.1 * start


@pytest.mark.parametrize("factor", [1, 3, 16])
def test_other_factors_are_refused(factor):
    with pytest.raises(UserError, match="2, 4 or 8"):
        super_resolution(factor=factor)
