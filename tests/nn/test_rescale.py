"""Numbers in another scale: per channel, kept with the weights and not trained."""

import torch

from tilth.nn.rescale import Rescale


def test_each_channel_has_its_own_scale():
    layer = Rescale([2.0, 3.0], [1.0, -1.0])
    found = layer(torch.ones(1, 2, 1, 1))
    assert found.flatten().tolist() == [3.0, 2.0]
    assert sorted(layer.state_dict()) == ["scale", "shift"] and not list(layer.parameters())
