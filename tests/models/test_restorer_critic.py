"""A restorer and its critic: the nets that are there already, as two parts of one model."""

import torch

from tilth.models.restoration_net import restoration_net
from tilth.models.restorer_critic import restorer_critic
from tilth.models.super_resolution import super_resolution
from tilth.nn.patch_critic import patch_critic


def everything(model, inputs):
    """Return what both parts make of the pictures, and what the last layer at zero would hide."""
    larger = model(inputs)
    hidden = model.restorer.details[:-1](inputs)
    return torch.cat([one.flatten(1) for one in (larger, hidden, model.critic(larger))], dim=1)


CASE = {
    "arguments": {
        "channels": 2,
        "factor": 2,
        "width": 4,
        "blocks": 1,
        "critic_width": 4,
        "critic_halvings": 1,
    },
    "inputs": lambda rows: torch.randn(rows, 2, 8, 8, generator=torch.Generator().manual_seed(1)),
    "call": everything,
}
"""How tests/contracts/test_models.py builds and calls it."""


def weights(make):
    torch.manual_seed(3)
    return make().state_dict()


def test_the_restorer_begins_as_the_one_without_a_critic():
    for alone, factor in ((restoration_net, 1), (super_resolution, 4)):
        more = {} if factor == 1 else {"factor": factor}
        wanted = weights(lambda alone=alone, more=more: alone(channels=1, **more))
        found = weights(lambda factor=factor: restorer_critic(channels=1, factor=factor).restorer)
        assert wanted.keys() == found.keys()
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_the_critic_is_the_one_of_patches():
    found = restorer_critic(critic_width=8, critic_halvings=3).critic
    wanted = patch_critic(3, width=8, halvings=3)
    shapes = [[tuple(p.shape) for p in net.parameters()] for net in (found, wanted)]
    assert shapes[0] == shapes[1]
