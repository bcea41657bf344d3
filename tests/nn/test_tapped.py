import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.nn.tapped import tapped


def test_what_inner_layers_give_has_gradients_and_leaves_no_hook():
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Tanh(), nn.Linear(4, 2)))
    x = torch.rand(5, 3)
    answer, found = tapped(net, ["0", "1.0"], x)
    assert torch.equal(found["0"], net[0](x)) and torch.equal(answer, net(x))
    found["1.0"].sum().backward()
    assert net[0].weight.grad.abs().sum() > 0 and net[1][1].weight.grad is None
    assert not any(module._forward_hooks for module in net.modules())


def test_hooks_go_where_the_net_or_a_name_fails():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(RuntimeError, match="shapes"):
        tapped(net, ["0"], torch.rand(5, 3))
    with pytest.raises(UserError, match="there_is_none"):
        tapped(net, ["0", "there_is_none"], torch.rand(5, 3))
    assert not any(module._forward_hooks for module in net.modules())
