"""The feed-forward style net: the table of the paper, counted."""

import torch

from tilth.models.style_net import style_net

CASE = {
    "arguments": {"channels": 2, "width": 8, "blocks": 1},
    "inputs": lambda rows: torch.randn(rows, 2, 20, 20, generator=torch.Generator().manual_seed(1)),
    "call": lambda model, inputs: model(inputs).flatten(1),
}
"""How tests/contracts/test_models.py builds and calls it."""


def test_parameters_are_those_of_the_table():
    """Johnson et al. 2016, supplement, table 1, with a scale and a shift in each of 15 norms."""
    pairs = [(3, 32, 9), (32, 64, 3), (64, 128, 3), *[(128, 128, 3)] * 10]
    pairs += [(128, 64, 3), (64, 32, 3), (32, 3, 9)]
    convolutions = sum(a * b * side**2 + b for a, b, side in pairs)
    norms = 2 * sum(b for _, b, _ in pairs[:-1])
    assert sum(p.numel() for p in style_net().parameters()) == convolutions + norms


def test_sides_of_any_length_come_back():
    net = style_net(channels=1, width=4, blocks=1).eval()
    pictures = torch.rand(2, 1, 17, 22)
    with torch.no_grad():
        found = net(pictures)
        whole = net(torch.nn.functional.pad(pictures, (0, 2, 0, 3), mode="replicate"))
    assert found.shape == pictures.shape and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found, whole[..., :17, :22])
