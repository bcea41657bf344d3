import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.nn.encoder_maps import ChainMaps, MapSize, before_shrinking, map_sizes


def chain():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 6, 1)),
        nn.ReLU(),
        nn.Conv2d(6, 8, 4, stride=4),
    )


def test_taps_are_where_the_maps_get_smaller_next():
    layers = chain()
    assert before_shrinking(layers, 2) == (1, 3, 4)
    assert layers[1].num_batches_tracked == 0 and layers[1].training
    assert not any(layer._forward_hooks for layer in layers)


def test_maps_are_those_after_the_taps():
    layers = chain().eval()
    pictures = torch.rand(3, 2, 16, 24)
    maps = ChainMaps(layers, (1, 3, 4))(pictures)
    expected = [layers[:2](pictures), layers[:4](pictures), layers(pictures)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(maps, expected, strict=True))
    sizes = map_sizes(ChainMaps(layers, (1, 3, 4)), 2)
    assert sizes == [MapSize(4, 1), MapSize(6, 2), MapSize(8, 8)]


def test_maps_of_one_size_twice_are_refused():
    with pytest.raises(UserError, match="1, 1, 2 times smaller"):
        map_sizes(ChainMaps(chain(), (0, 1, 2)), 2)
