"""Integrated gradients: completeness, captum, and a closed form."""

import torch
from torch import nn

from tilth.audit.integrated_gradients import integrated_gradients
from tilth.models.small_resnet import small_resnet

PICTURES = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2])
BLACK = torch.tensor(-0.5)


def test_of_a_square_the_shares_are_known():
    """Of w.x^2 from 0, a pixel adds w x^2; of a product of two, each adds the half."""

    class Squares(nn.Module):
        def forward(self, x):
            return torch.stack([(x**2).sum(1), x[:, 0] * x[:, 1]], dim=1)

    rows = torch.tensor([[1.0, -2.0], [3.0, 5.0]])
    found = integrated_gradients(Squares(), rows, torch.zeros(1, 2), torch.tensor([0, 1]), steps=4)
    torch.testing.assert_close(found.shares, torch.tensor([[1.0, 4.0], [7.5, 7.5]]))
    torch.testing.assert_close(found.change, torch.tensor([5.0, 15.0]))
    assert found.gap.abs().max() < 1e-5


def test_they_are_captums():
    from captum.attr import IntegratedGradients

    torch.manual_seed(0)
    net = small_resnet(channels=1, size=16, outputs=3).eval()
    theirs = IntegratedGradients(net)
    base = BLACK.expand_as(PICTURES)
    wanted = theirs.attribute(PICTURES, baselines=base, target=CLASSES, n_steps=20)
    found = integrated_gradients(net, PICTURES, BLACK, CLASSES, steps=20)
    torch.testing.assert_close(found.shares, wanted.float(), rtol=1e-5, atol=1e-5)


def test_they_sum_to_what_changed_the_more_steps_the_better():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.Tanh(), nn.Linear(32, 3)).double()
    few, many = (
        integrated_gradients(net, PICTURES.double(), BLACK.double(), CLASSES, steps=steps)
        for steps in (2, 32)
    )
    assert many.gap.abs().max() < 1e-6 < few.gap.abs().max()
    assert not torch.allclose(many.change, torch.zeros(3, dtype=torch.float64))
