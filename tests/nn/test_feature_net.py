"""Features from inside a net that stays as it is; Gram matrices by hand."""

import copy

import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet, before_pools, gram

PICTURES = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))


def chain(inplace=False):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(inplace=inplace),
    )


@pytest.mark.parametrize("inplace", [False, True])
def test_taps_are_the_outputs_of_their_layers(inplace):
    layers = chain().eval()
    net = FeatureNet(chain(inplace), taps=[4, 0, 1])
    first, second, third = net(PICTURES)
    assert torch.equal(first, layers[0](PICTURES))
    assert torch.equal(second, layers[:2](PICTURES))  # what the ReLU behind must not overwrite
    assert torch.equal(third, layers[:5](PICTURES))
    assert (third < 0).any()


def test_without_taps_it_takes_what_goes_into_the_pools():
    assert before_pools(chain()) == (2,)
    net = FeatureNet(chain())
    assert len(net.layers) == 3  # what lies behind is not computed
    assert torch.equal(net(PICTURES)[0], chain().eval()[:3](PICTURES))


def test_it_is_a_frozen_copy_that_never_learns():
    layers = chain().train()
    before = copy.deepcopy(layers.state_dict())
    net = FeatureNet(layers, [5])
    net.train()
    net(PICTURES + 3)
    assert layers.training and all(p.requires_grad for p in layers.parameters())
    assert not any(p.requires_grad for p in net.parameters())
    for name, value in net.layers.state_dict().items():
        assert torch.equal(value, before[name]), name
    pixels = PICTURES.clone().requires_grad_()
    net(pixels)[0].sum().backward()
    assert pixels.grad.abs().sum() > 0


@pytest.mark.parametrize("taps", [[], [6], [-1, 2]])
def test_taps_outside_the_chain_are_refused(taps):
    with pytest.raises(UserError, match="0 to 5"):
        FeatureNet(chain(), taps)


def test_gram_by_hand_for_rank_one():
    """Channels in fixed proportion: u u^T times the energy over places, over C H W."""
    u, v = torch.tensor([1.0, -2.0, 3.0]), torch.arange(8.0)
    features = (u[:, None] * v).reshape(1, 3, 2, 4)
    wanted = torch.outer(u, u) * float((v**2).sum()) / (3 * 2 * 4)
    torch.testing.assert_close(gram(features)[0], wanted)
    assert int(torch.linalg.matrix_rank(gram(features)[0])) == 1


def test_gram_does_not_know_where_things_are_but_what_goes_with_what():
    features = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    places = torch.randperm(42)
    moved = features.flatten(2)[:, :, places].reshape(2, 5, 6, 7)
    torch.testing.assert_close(gram(moved), gram(features), rtol=0, atol=1e-13)
    apart = features.clone()
    apart[:, 0] = moved[:, 0]
    assert float((gram(apart) - gram(features)).abs().max()) > 1e-3
    torch.testing.assert_close(gram(features), gram(features).mT, rtol=0, atol=1e-15)


def test_gram_against_a_loop():
    features = torch.randn(2, 3, 4, 5)
    for row in range(2):
        for i in range(3):
            for j in range(3):
                wanted = (features[row, i] * features[row, j]).sum() / 60
                torch.testing.assert_close(gram(features)[row, i, j], wanted)
