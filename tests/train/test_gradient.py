"""Gradients reach the player that is moved, and nobody else, however the graph changes."""

import pytest
import torch
from torch import nn

from tilth.contracts import BaseHook, BaseObjective, BaseSource, Batch, Loss, Player, Term
from tilth.train.gradient import strays
from tilth.train.loop import FLUSH_STEPS, Loop

STREAM = torch.Generator().manual_seed(0)
BATCH = Batch(torch.randn(6, 3, generator=STREAM), torch.ones(6), torch.arange(6))


class Same(BaseSource):
    def next(self, model, context):
        return BATCH


class Scaled(BaseObjective):
    """Holds a leaf of its own; from ``begins`` on it is part of the loss."""

    def __init__(self, begins=0):
        self.begins = begins
        self.scale = torch.ones(1, requires_grad=True)

    def __call__(self, model, batch, context):
        error = model(batch.inputs).squeeze(1) - batch.targets
        if context.step >= self.begins:
            error = error * self.scale
        return Loss({"error": Term((error**2).sum(), len(batch.rows))})


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def make_loop(model, objectives, steps=3, hooks=()):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    player = Player(trained, torch.optim.SGD(trained, 0.01))
    return Loop(model, objectives, Same(), {"model": player}, total_steps=steps, hooks=hooks)


def test_strays_are_the_leaves_of_the_graph_but_the_known():
    model, other = net(), torch.ones(1, requires_grad=True)
    scalar = (model(BATCH.inputs) * other).sum()
    everything = strays(scalar, [])
    assert {id(leaf) for leaf in everything} == {id(p) for p in [*model.parameters(), other]}
    assert [id(leaf) for leaf in strays(scalar, list(model.parameters()))] == [id(other)]
    assert strays(model(BATCH.inputs).sum(), list(model.parameters())) == []


@pytest.mark.parametrize("objectives", [1, 2])
def test_a_leaf_that_an_objective_holds_gets_no_gradient(objectives):
    held = [Scaled() for _ in range(objectives)]
    make_loop(net(), held).fit()
    assert [one.scale.grad for one in held] == [None] * objectives


def test_its_own_gradient_is_not_touched():
    objective = Scaled()
    objective.scale.grad = torch.full((1,), 7.0)
    make_loop(net(), [objective]).fit()
    assert objective.scale.grad.item() == 7.0


def test_a_leaf_that_comes_into_the_graph_later_is_noticed():
    objective = Scaled(begins=3)
    loop = make_loop(net(), [objective], steps=2 * FLUSH_STEPS + 5)
    loop.fit()
    assert objective.scale.grad is None


class Unfreeze(BaseHook):
    def __init__(self, step):
        self.step = step

    def after_step(self, loop):
        if loop.step == self.step:
            loop.model[0].requires_grad_(True)


@pytest.mark.parametrize("steps", [9, 2 * FLUSH_STEPS])
def test_what_is_unfrozen_during_a_fit_keeps_no_gradient(steps):
    model = net()
    model[0].requires_grad_(False)
    make_loop(model, [Scaled(begins=10**9)], steps, [Unfreeze(4)]).fit()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_is_unfrozen_between_fits_gets_no_gradient_from_the_next():
    model = net()
    model[0].requires_grad_(False)
    loop = make_loop(model, [Scaled(begins=10**9)], steps=6)
    loop.total_steps = 3
    loop.fit()
    model[0].requires_grad_(True)
    loop.total_steps, loop.ended, seen = 6, False, []

    class Look(BaseHook):
        def after_step(self, loop):
            seen.append(model[0].weight.grad)

    loop.hooks.append(Look())
    loop.fit()
    assert seen == [None] * 3


def test_gradients_left_before_a_fit_do_not_count():
    clean, littered = net(), net()
    littered(BATCH.inputs).sum().backward()
    for model in (clean, littered):
        make_loop(model, [Scaled(begins=10**9)]).fit()
    for one, other in zip(clean.parameters(), littered.parameters(), strict=True):
        assert torch.equal(one, other)


def test_frozen_later_it_stays():
    model = net()
    loop = make_loop(model, [Scaled(begins=10**9)])
    model[0].requires_grad_(False)
    start = model[0].weight.clone()
    loop.fit()
    assert torch.equal(model[0].weight, start)
    assert not torch.equal(model[2].weight, net()[2].weight)
