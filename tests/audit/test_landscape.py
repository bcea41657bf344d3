"""The loss landscape of a loss that is known, and directions by their lengths."""

import numpy as np
import pytest
import torch
from torch import nn

from tilth.audit.landscape import drawn, filter_direction, landscape


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def test_each_filter_of_a_direction_is_as_long_as_that_of_the_weights():
    model = net()
    found = filter_direction(model, torch.Generator().manual_seed(1))
    for parameter, direction in zip(model.parameters(), found, strict=True):
        if parameter.dim() == 1:
            assert not direction.any()
            continue
        for filter_, along in zip(parameter, direction, strict=True):
            torch.testing.assert_close(along.norm(), filter_.norm())
    other = filter_direction(model, torch.Generator().manual_seed(2))
    assert not torch.allclose(found[0], other[0])


def test_a_quadratic_loss_is_an_exact_paraboloid_and_weights_come_back():
    model = nn.Linear(3, 2, bias=False).double()
    before = model.weight.detach().clone()
    stream = torch.Generator().manual_seed(0)
    across, down = (filter_direction(model, stream) for _ in range(2))

    def loss():
        return float((model.weight.detach() ** 2).sum())

    grid = landscape(model, loss, across, down, radius=2.0, points=5)
    d, e = across[0], down[0]
    for row, y in enumerate(np.linspace(-2, 2, 5)):
        for column, x in enumerate(np.linspace(-2, 2, 5)):
            wanted = float(((before + x * d + y * e) ** 2).sum())
            assert abs(grid[row, column] - wanted) < 1e-9
    assert torch.equal(model.weight, before)


def test_weights_come_back_after_an_exception():
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    direction = filter_direction(model, torch.Generator().manual_seed(0))

    def loss():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landscape(model, loss, direction, direction)
    assert torch.equal(model.weight, before)


def test_the_drawing_names_its_axes():
    grid = np.add.outer(np.linspace(-1, 1, 7) ** 2, np.linspace(-1, 1, 7) ** 2) + 0.1
    text = drawn(grid, 1.0)
    for said in ("along the first direction", "along the second", "The loss around the weights"):
        assert said in text
