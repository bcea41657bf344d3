import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.models.mlp import mlp


def test_it_computes_what_its_weights_say():
    net = mlp(channels=2, size=(3, 4), outputs=5, layers=(6, 7))
    x = torch.randn(8, 2, 3, 4)
    hidden = x.reshape(8, 24).double()
    layers = [m.double() for m in net.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in layers] == [6, 7, 5]
    for layer in layers[:-1]:
        hidden = (hidden @ layer.weight.T + layer.bias).clamp(min=0)
    expected = hidden @ layers[-1].weight.T + layers[-1].bias
    torch.testing.assert_close(net(x.double()), expected)


def test_without_layers_it_is_linear():
    net = mlp(channels=3, outputs=2, layers=())
    x, y = torch.randn(4, 3), torch.randn(4, 3)
    torch.testing.assert_close(net(x) + net(y), net(x + y) + net.head.bias)


def test_dropout_works_in_training_only():
    net = mlp(channels=50, outputs=1, layers=(400,), dropout=0.25)
    x = torch.ones(1, 50)
    before = net.body[:-1](x)
    after = net.body(x)
    kept = after != 0
    assert 0.65 < kept.sum() / (before != 0).sum() < 0.85
    torch.testing.assert_close(after[kept], before[kept] / 0.75)
    assert torch.equal(net.eval().body(x), before)


def test_a_size_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"size=\(3, 4, 5\)"):
        mlp(channels=1, size=(3, 4, 5), outputs=2)
