"""Hooks that keep what layers give, and that are always taken away."""

import gc
import weakref

import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.nn.watched import watched


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules())


def test_outputs_and_gradients_are_those_of_a_manual_forward():
    model, rows = net(), torch.randn(5, 4)
    with watched(model, ["0", "1"], gradients=True) as kept:
        model(rows).square().sum().backward()
    first = rows @ model[0].weight.T + model[0].bias
    second = first.tanh()
    outputs = second @ model[2].weight.T + model[2].bias
    upper = 2 * outputs @ model[2].weight
    assert list(kept.outputs) == ["0", "1"]
    torch.testing.assert_close(kept.outputs["0"], first)
    torch.testing.assert_close(kept.outputs["1"], second)
    torch.testing.assert_close(kept.gradients["1"], upper)
    torch.testing.assert_close(kept.gradients["0"], upper * (1 - second**2))


def test_no_hook_is_left_after_an_exception():
    model = net()
    with pytest.raises(RuntimeError), watched(model, ["0", "2"], gradients=True) as kept:
        model(torch.zeros(1, 4))
        assert hooks(model) == 2
        model(torch.zeros(1, 5))
    assert hooks(model) == 0
    assert not kept.outputs["0"]._backward_hooks


def test_a_name_that_is_not_there_is_named_and_leaves_no_hook():
    model = net()
    with pytest.raises(UserError, match="unknown layer '9'"), watched(model, ["0", "9"]):
        pass
    assert hooks(model) == 0


def test_memory_is_that_of_one_call_after_a_hundred():
    model, seen = net(), []
    for _ in range(100):
        with watched(model, ["0", "1"], gradients=True) as kept:
            for _ in range(2):  # the second call takes the place of the first
                model(torch.zeros(3, 4, requires_grad=True)).sum().backward()
        seen += [weakref.ref(one) for one in kept.outputs.values()]
        del kept
    gc.collect()
    assert len(seen) == 200 and not any(one() is not None for one in seen)
    assert hooks(model) == 0
