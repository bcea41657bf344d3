"""AdamW: which parameters decay, and that the fused steps are the textbook's."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tilth.train.loop import set_rates
from tilth.train.optimizers import adamw, decay_groups, layer_rates, layered_adamw
from tilth.train.schedules import one_cycle


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


def test_rates_of_layers_are_a_geometric_series_or_a_third_of_the_heads():
    assert layer_rates((1e-4, 1e-2), 5) == pytest.approx(np.geomspace(1e-4, 1e-2, 5).tolist())
    assert layer_rates((1e-4, 1e-2), 5)[-1] == 1e-2  # to the bit what the plan calls its peak
    assert layer_rates((0.3,), 4) == pytest.approx([0.1, 0.1, 0.1, 0.3])


def test_each_layer_group_learns_at_its_own_rate_through_one_schedule():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    ours = copy.deepcopy(model)
    inputs, rates, schedule = torch.randn(5, 3, dtype=torch.float64), (0.001, 0.1), one_cycle()
    layers = [ours[0].parameters(), ours[2].parameters()]
    optimizer = layered_adamw(layers, rates, decay=0.1)
    for group in optimizer.param_groups:
        group["peak_lr"] = group["lr"]
    by_hand = [
        torch.optim.AdamW([{"params": [layer.weight], "weight_decay": 0.1},
                           {"params": [layer.bias], "weight_decay": 0.0}])
        for layer in (model[0], model[2])
    ]  # fmt: skip
    for step in range(6):
        factor, momentum = schedule(step / 6)
        set_rates(optimizer, factor, momentum)
        for one, rate in zip(by_hand, rates, strict=True):
            for group in one.param_groups:
                group["lr"], group["betas"] = rate * factor, (momentum, 0.999)
        for one in (model, ours):
            one.zero_grad()
            one(inputs).square().sum().backward()
        for one in (optimizer, *by_hand):
            one.step()
    for one, other in zip(model.parameters(), ours.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_frozen_groups_have_no_part_in_the_optimizer():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    optimizer = layered_adamw([model[0].parameters(), model[1].parameters()], [0.1, 0.2])
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2]
