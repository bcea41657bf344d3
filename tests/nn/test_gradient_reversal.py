"""Forwards the identity, backwards minus lambda times the gradient, to the bit."""

import pytest
import torch
from torch import nn

from tilth.nn.gradient_reversal import reverse_gradient


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0, 0.37])
def test_the_gradient_is_minus_strength_times_the_plain_one(strength):
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    plain, turned = (torch.randn(5, 3, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    plain.requires_grad_(), turned.requires_grad_()
    forwards = critic(plain)
    backwards = critic(reverse_gradient(turned, strength))
    assert torch.equal(forwards, backwards)
    forwards.square().sum().backward()
    by_critic = [parameter.grad.clone() for parameter in critic.parameters()]
    critic.zero_grad()
    backwards.square().sum().backward()
    assert torch.equal(turned.grad, -strength * plain.grad)
    assert plain.grad.abs().min() > 0
    # what lies after the reversal descends as ever
    for parameter, wanted in zip(critic.parameters(), by_critic, strict=True):
        assert torch.equal(parameter.grad, wanted)


def test_two_reversals_cancel():
    features = torch.tensor([2.0, -3.0], requires_grad=True)
    twice = reverse_gradient(reverse_gradient(features, 0.5), 2.0)
    (twice**2).sum().backward()
    assert torch.equal(features.grad, 2 * features.detach())
