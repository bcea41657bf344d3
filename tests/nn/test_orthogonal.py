"""Orthogonal starts keep lengths; gains and biases are as asked."""

import torch
from torch import nn

from tilth.nn.orthogonal import dense, orthogonal


def test_rows_are_at_right_angles_and_as_long_as_the_gain():
    torch.manual_seed(0)
    net = orthogonal(nn.Sequential(nn.Linear(9, 5), nn.ReLU(), nn.Conv2d(2, 6, 3)), gain=0.5)
    for layer in (net[0], net[2]):
        rows = layer.weight.detach().flatten(1)
        torch.testing.assert_close(rows @ rows.T, 0.25 * torch.eye(len(rows)))
        assert (layer.bias == 0).all()


def test_hidden_layers_have_root_two_and_the_last_its_own_gain():
    torch.manual_seed(0)
    net = dense(4, (8, 8), 2, activation=nn.Tanh, gain=0.01)
    first, middle, last = (layer.weight.detach() for layer in net if isinstance(layer, nn.Linear))
    torch.testing.assert_close(first.T @ first, 2 * torch.eye(4))
    torch.testing.assert_close(middle @ middle.T, 2 * torch.eye(8))
    torch.testing.assert_close(last @ last.T, 1e-4 * torch.eye(2))
    seen = torch.randn(5, 4)
    wanted = torch.tanh(torch.tanh(seen @ first.T) @ middle.T) @ last.T
    torch.testing.assert_close(net(seen), wanted)
