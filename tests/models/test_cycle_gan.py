"""The nets of CycleGAN: published counts, two domains of different channels, small presets."""

import torch

from tilth.models.cycle_gan import cycle_gan


def everything(model, inputs):
    """Return what each of the four nets makes of the pictures."""
    nets = (model.generator.to_source, model.critic.source, model.critic.target)
    return torch.cat([model(inputs).flatten(1), *(net(inputs).flatten(1) for net in nets)], dim=1)


CASE = {
    "arguments": {"channels": 2, "width": 8, "blocks": 1, "critic_width": 8, "critic_halvings": 1},
    "inputs": lambda rows: torch.randn(rows, 2, 20, 20, generator=torch.Generator().manual_seed(1)),
    "call": everything,
}
"""How tests/contracts/test_models.py builds and calls it."""


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_the_published_ones():
    with torch.device("meta"):
        model = cycle_gan()
    assert count(model.generator.to_target) == count(model.generator.to_source) == 11_378_179
    assert count(model.critic.source) == count(model.critic.target) == 2_764_737


def test_domains_may_differ_in_channels():
    model = cycle_gan(
        channels=1, target_channels=3, width=4, blocks=1, critic_width=4, critic_halvings=1
    )
    there = model(torch.zeros(2, 1, 12, 12))
    assert there.shape == (2, 3, 12, 12)
    assert model.generator.to_source(there).shape == (2, 1, 12, 12)
    assert model.critic.target(there).shape == (2, 1, 4, 4)


def test_weights_start_as_small_normal_numbers():
    model = cycle_gan(channels=1, width=16, blocks=3)
    weights = [
        p.detach().flatten() for name, p in model.named_parameters() if name.endswith("weight")
    ]
    together = torch.cat(weights)
    assert abs(float(together.std()) - 0.02) < 2e-4
    assert all(bool((p == 0).all()) for n, p in model.named_parameters() if n.endswith("bias"))
