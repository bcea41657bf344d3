import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.models.cifar_resnet import CifarBlock, cifar_resnet


def build(**changes):
    return cifar_resnet(**({"channels": 3, "size": 32, "outputs": 10} | changes))


@pytest.mark.parametrize(("depth", "count"), [(20, 269_722), (56, 853_018)])
def test_it_has_the_papers_number_of_weights(depth, count):
    for skip in (True, False):  # the shortcuts of option A have none
        with torch.device("meta"):
            net = build(depth=depth, skip=skip)
        assert sum(p.numel() for p in net.parameters()) == count
        layers = [m for m in net.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
        assert len(layers) == depth


@pytest.mark.parametrize("skip", [True, False])
def test_it_computes_what_its_weights_say(skip):
    net = build(depth=14, width=4, skip=skip).double().eval()
    pictures = torch.rand(2, 3, 32, 32).double()
    x = F.relu(net.body[1](net.body[0](pictures)))
    for block in net.body[3:-2]:
        branch = F.conv2d(x, block.conv1.weight, stride=block.stride, padding=1)
        branch = F.conv2d(F.relu(block.norm1(branch)), block.conv2.weight, padding=1)
        branch = block.norm2(branch)
        if skip:
            same = torch.zeros_like(branch)
            same[:, : x.shape[1]] = x[:, :, :: block.stride, :: block.stride]
            branch = branch + same
        x = F.relu(branch)
    assert x.shape[1:] == (16, 8, 8)
    expected = x.mean((2, 3)) @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(net(pictures), expected)


def test_blocks_that_begin_at_zero_are_the_identity():
    net = build(zero_last=True)
    blocks = [m for m in net.modules() if isinstance(m, CifarBlock) and m.stride == 1]
    assert len(blocks) == 7
    for block in blocks:
        x = torch.rand(4, block.conv1.in_channels, 8, 8)  # what comes out of a ReLU is positive
        assert torch.equal(block(x), x)
    assert not torch.equal(build().body[3](torch.ones(4, 16, 8, 8)), torch.ones(4, 16, 8, 8))


@pytest.mark.parametrize("depth", [2, 18, 51])
def test_another_depth_is_refused(depth):
    with pytest.raises(UserError, match=r"depth is 6 n \+ 2"):
        build(depth=depth)


def test_a_plain_net_does_not_begin_at_zero():
    with pytest.raises(UserError, match="stays there"):
        build(skip=False, zero_last=True)
