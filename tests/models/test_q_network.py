"""The q network: its size, its convolutions, and how it acts."""

import pytest
import torch

from tilth.errors import UserError
from tilth.models.q_network import q_network


def inputs(rows):
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(1))


CASE = {
    "arguments": {"channels": 5, "choices": 3},
    "inputs": inputs,
    "call": lambda model, observations: model(observations),
}


def test_for_atari_it_is_the_net_of_mnih_et_al():
    """Three convolutions and 512 units: 1,686,180 weights for four choices."""
    net = q_network(channels=4, size=84, choices=4, layers=(512,), norm=False)
    assert sum(p.numel() for p in net.parameters()) == 1_686_180
    pictures = torch.randint(256, (2, 4, 84, 84)).byte()
    torch.testing.assert_close(net(pictures), net(pictures.float() / 255))


def test_numbers_of_a_state_are_one_hot_rows():
    net = q_network(channels=6, choices=2)
    states = torch.tensor([4, 0])
    assert torch.equal(net(states), net(torch.eye(6)[states]))


def test_layer_normalisation_makes_the_features_deaf_to_scale():
    """Without biases the first normalised layer says the same of an observation and its triple."""
    net = q_network(channels=5, choices=3, layers=(16,))
    with torch.no_grad():
        net.body[2].bias.zero_()
    seen = inputs(7) * 100
    torch.testing.assert_close(net(seen), net(3 * seen), rtol=1e-3, atol=1e-4)
    plain = q_network(channels=5, choices=3, layers=(16,), norm=False)
    assert not torch.allclose(plain(seen), plain(3 * seen), rtol=1e-2)


def test_it_explores_as_often_as_it_is_told():
    net, seen = q_network(channels=5, choices=4), inputs(1).expand(20_000, 5)
    stream = torch.Generator().manual_seed(0)
    action = net.act(seen, generator=stream, explore=0.4)
    best = int(net(seen[:1]).argmax())
    counts = action.actions.bincount(minlength=4) / 20_000
    wanted = torch.full((4,), 0.1)
    wanted[best] += 0.6
    torch.testing.assert_close(counts, wanted, rtol=0, atol=0.015)
    extras = net.recall(action.features, action.actions)
    torch.testing.assert_close(extras["values"], net(seen).max(1).values)


def test_at_its_best_it_draws_nothing():
    net, stream = q_network(channels=5, choices=4), torch.Generator().manual_seed(0)
    before = stream.get_state()
    action = net.act(inputs(9), generator=stream, explore=0.0)
    assert torch.equal(stream.get_state(), before)
    assert torch.equal(action.actions, net(inputs(9)).argmax(1))


def test_numbers_need_a_layer():
    with pytest.raises(UserError, match=r"layers=\(\)"):
        q_network(channels=5, choices=3, layers=())
