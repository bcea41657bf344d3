"""AdamW: which parameters decay, and that the fused steps are the textbook's."""

import copy

import torch
from torch import nn

from tilth.train.optimizers import adamw, decay_groups


def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def test_only_matrices_and_kernels_decay():
    model = net()
    decayed, plain = decay_groups([model], 0.1)
    assert {id(p) for p in decayed["params"]} == {id(model[0].weight), id(model[3].weight)}
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))
    assert plain["weight_decay"] == 0.0


def test_frozen_and_shared_parameters_appear_never_and_once():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    groups = decay_groups([model], 0.1)
    assert [len(group["params"]) for group in groups] == [1, 1]


def test_three_steps_are_loshchilov_and_hutters():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)).double()
    ours = copy.deepcopy(model)
    inputs = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    optimizer = adamw(ours, lr=0.01, decay=0.1)
    moments = {p: (torch.zeros_like(p), torch.zeros_like(p)) for p in model.parameters()}
    for step in range(1, 4):
        for one in (model, ours):
            one.zero_grad()
            one(inputs).square().sum().backward()
        optimizer.step()
        with torch.no_grad():
            for p, (first, second) in moments.items():
                first.mul_(0.9).add_(p.grad, alpha=0.1)
                second.mul_(0.999).add_(p.grad**2, alpha=0.001)
                update = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
                p.sub_(0.01 * ((0.1 if p.dim() > 1 else 0.0) * p + update))
    for one, other in zip(model.parameters(), ours.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
