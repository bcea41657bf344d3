"""Penalties on a critic's slope against closed forms."""

import torch
from torch import nn

from tilth.objectives.penalties import gradient_penalty, slopes, squared_slope

STREAM = torch.Generator().manual_seed(0)
REAL = torch.randn(7, 2, 3, 3, dtype=torch.float64, generator=STREAM)
FAKE = torch.randn(7, 2, 3, 3, dtype=torch.float64, generator=STREAM)
MIX = torch.rand(7, dtype=torch.float64, generator=STREAM)


def linear():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(18, 1)).double()
    nn.init.normal_(critic[1].weight, generator=torch.Generator().manual_seed(1))
    return critic, critic[1].weight


def test_gradient_penalty_of_a_linear_critic_and_its_gradient():
    """(||w|| - 1)^2 at every row, and by w: 2 (||w|| - 1) w / ||w||."""
    critic, weight = linear()
    paid = gradient_penalty(critic, REAL, FAKE, MIX)
    norm = weight.detach().norm()
    torch.testing.assert_close(paid, ((norm - 1) ** 2).expand(7))
    (found,) = torch.autograd.grad(paid.mean(), weight)
    torch.testing.assert_close(found, 2 * (norm - 1) * weight.detach() / norm)


def test_r1_of_a_linear_critic_and_its_gradient():
    """||w||^2 at every row, and by w: 2 w."""
    critic, weight = linear()
    samples = REAL.clone().requires_grad_()
    paid = squared_slope(critic(samples), samples)
    torch.testing.assert_close(paid, weight.detach().square().sum().expand(7))
    (found,) = torch.autograd.grad(paid.mean(), weight)
    torch.testing.assert_close(found, 2 * weight.detach())


def test_the_penalty_is_taken_between_the_two_samples():
    """The slope of |x|^2 / 2 is x itself, so the penalty shows where it was taken."""

    def half_square(samples):
        return samples.flatten(1).square().sum(1) / 2

    share = MIX[:, None, None, None]
    between = share * REAL + (1 - share) * FAKE
    wanted = (between.flatten(1).norm(dim=1) - 1) ** 2
    torch.testing.assert_close(gradient_penalty(half_square, REAL, FAKE, MIX).detach(), wanted)


def test_slopes_are_those_of_finite_differences():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    samples = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    found, tiny = slopes(critic(samples), samples).detach(), 1e-6
    with torch.no_grad():
        for place in range(4):
            step = tiny * torch.eye(4, dtype=torch.float64)[place]
            wanted = (critic(samples + step) - critic(samples - step)).squeeze(1) / (2 * tiny)
            torch.testing.assert_close(found[:, place], wanted, rtol=1e-6, atol=1e-8)
