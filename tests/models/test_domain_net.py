"""The net of the paper's figure 4a, and a critic that is not part of the answer."""

import pytest
import torch

from tilth.errors import UserError
from tilth.models.domain_net import domain_net


def both(model, inputs):
    """Return labels' logits and the domain's: what the whole net gives."""
    return torch.cat([model(inputs), model.critic(model.body(inputs))], dim=1)


CASE = {
    "arguments": {"channels": 2, "size": 16, "labels": 3, "width": 4, "hidden": 10},
    "inputs": lambda rows: torch.randn(rows, 2, 16, 16, generator=torch.Generator().manual_seed(1)),
    "call": both,
}
"""How tests/contracts/test_models.py builds and calls it."""


def test_parameters_are_those_of_its_layers():
    net = domain_net(channels=1, size=28, labels=10)
    convolutions = (25 * 32 + 32) + (25 * 32 * 48 + 48)
    dense = (768 * 100 + 100) + (100 * 100 + 100) + (100 * 10 + 10)
    critic = 768 * 100 + 100 + 101
    assert sum(p.numel() for p in net.body.parameters()) == convolutions
    assert sum(p.numel() for p in net.head.parameters()) == dense
    assert sum(p.numel() for p in net.critic.parameters()) == critic
    conditional = domain_net(channels=1, size=28, labels=10, conditional=True)
    parts = [conditional.body, conditional.head]
    found = sum(p.numel() for part in parts for p in part.parameters())
    assert found == convolutions + dense  # the same net for the label
    assert conditional.head.in_features == 100
    assert conditional.critic[0].in_features == 1000


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(UserError, match="at least 16"):
        domain_net(channels=1, size=15, labels=10)
    assert domain_net(channels=1, size=16, labels=10)(torch.zeros(1, 1, 16, 16)).shape == (1, 10)
