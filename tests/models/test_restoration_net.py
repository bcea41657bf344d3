"""The net begins with the picture as it is, and learns what to take away."""

import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.models.restoration_net import restoration_net

CASE = {
    "arguments": {"channels": 2, "width": 4, "blocks": 1, "halvings": 1},
    "inputs": lambda rows: torch.randn(rows, 2, 7, 6, generator=torch.Generator().manual_seed(1)),
    # the last layer begins at zero, and would hide what lies before it
    "call": lambda model, inputs: torch.cat(
        [model(inputs).flatten(1), model.features(inputs).flatten(1)], dim=1
    ),
}
"""How tests/contracts/test_models.py builds and calls it."""


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (1, 2)])
def test_untrained_it_gives_pictures_of_any_size_as_they_are(size):
    pictures = torch.rand(2, 3, *size)
    assert torch.equal(restoration_net(width=4, blocks=1)(pictures), pictures)


def test_parameters_by_hand():
    net = restoration_net(channels=3, width=8, blocks=2, halvings=2)

    def convolution(fan_in, fan_out, side=3):
        return side**2 * fan_in * fan_out + fan_out

    wanted = convolution(3, 8) + convolution(8, 16, 4) + convolution(16, 32, 4)
    wanted += 4 * convolution(32, 32) + convolution(32, 64) + convolution(16, 32)
    assert sum(p.numel() for p in net.parameters()) == wanted + convolution(8, 3)


def test_a_pixel_is_corrected_by_what_lies_far_away():
    torch.manual_seed(0)
    net = restoration_net(channels=1, width=4, blocks=1)
    nn.init.ones_(net.last.weight)
    picture = torch.rand(1, 1, 40, 40, requires_grad=True)
    net(picture)[0, 0, 20, 20].backward()
    rows = picture.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert rows.min() <= 10 and rows.max() >= 30


def test_no_halving_is_refused():
    with pytest.raises(UserError, match="at least once"):
        restoration_net(halvings=0)
