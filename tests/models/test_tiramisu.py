import pytest
import torch

from tilth.errors import UserError
from tilth.models.tiramisu import NETS, DenseBlock, tiramisu

CASE = {
    "arguments": {"channels": 2, "size": (16, 24), "pixel_outputs": 3},
    "inputs": lambda rows: torch.rand(rows, 2, 16, 24),
    "call": lambda model, pictures: model(pictures),
}


def widths(net):
    """Stacks of maps of the paper's table 2, with the correction of its authors' README."""
    first, growth, blocks, bottleneck = (
        NETS[net].first,
        NETS[net].growth,
        NETS[net].blocks,
        NETS[net].bottleneck,
    )
    down = []
    for count in blocks:
        first += count * growth
        down.append(first)
    up = []
    for before, count, across in zip(
        (bottleneck, *blocks[:0:-1]), blocks[::-1], down[::-1], strict=True
    ):
        up.append(before * growth + across + count * growth)
    return down, first + bottleneck * growth, up


def test_the_hundred_layers_have_the_papers_weights_and_widths():
    with torch.device("meta"):
        net = tiramisu(channels=3, size=224, pixel_outputs=11, net="fc_densenet103")
    assert sum(p.numel() for p in net.parameters()) == 9_322_091
    down, middle, up = widths("fc_densenet103")
    assert down == [112, 192, 304, 464, 656] == net.body.across
    assert middle == 896 and up == [1088, 816, 576, 384, 256] and net.body.width == 256


def test_layers_that_are_convolutions_are_as_many_as_the_name_says():
    """103: convolutions of blocks and transitions, first and last (section 4)."""
    with torch.device("meta"):
        for name, count in (("fc_densenet56", 56), ("fc_densenet67", 67), ("fc_densenet103", 103)):
            net = tiramisu(channels=3, size=224, pixel_outputs=11, net=name)
            convolutions = [
                m
                for m in net.modules()
                if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
            ]
            assert len(convolutions) == count


def test_a_dense_block_is_layers_that_see_all_before_them():
    block = DenseBlock(3, growth=2, count=3, dropout=0.0)
    x = torch.rand(2, 3, 5, 6)
    seen, made = x, []
    for layer in block.layers:
        made.append(layer(seen))
        seen = torch.cat([seen, made[-1]], 1)
    torch.testing.assert_close(block(x), seen[:, 3:])


def test_only_what_the_last_block_made_goes_up():
    net = tiramisu(channels=3, size=32, pixel_outputs=2)
    layers = NETS["small"]
    counts = (layers.bottleneck, *layers.blocks[:0:-1])
    assert [up.in_channels for up in net.body.grow] == [n * layers.growth for n in counts]


def test_what_does_not_fit_is_told():
    with pytest.raises(UserError, match=r"each at least 8"):
        tiramisu(channels=1, size=4, pixel_outputs=2)
    with pytest.raises(UserError, match=r"unknown net 'fc_densenet121'"):
        tiramisu(channels=1, size=32, pixel_outputs=2, net="fc_densenet121")
    with pytest.raises(UserError, match=r"dropout=1"):
        tiramisu(channels=1, size=32, pixel_outputs=2, dropout=1.0)
