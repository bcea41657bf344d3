"""Generator and critic for points: dense layers with ReLU, as in toy experiments on GANs.

The nets of ``gan_toy.py`` of Gulrajani et al. 2017 (https://github.com/igul222/improved_wgan_training),
which have three hidden layers of 512.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from tilth.nn.class_conditional import LabelledLatent, ProjectionCritic
from tilth.nn.generator_critic import GeneratorCritic


def mlp_gan(
    *,
    features: int = 2,
    latent: int = 2,
    classes: int = 0,
    width: int = 512,
    depth: int = 3,
) -> GeneratorCritic:
    """Return ``depth`` hidden layers of ``width`` in either net, from Kaiming-normal weights.

    features: numbers per point [B, features]; latent: of the latent [B, latent]
    classes: 0, or the number of labels that both nets are told: one-hot beside the latent, and by
    projection in the critic

    >>> sum(p.numel() for p in mlp_gan(width=8, depth=1).critic.parameters())
    33
    """
    generator = [*_hidden(latent + classes, width, depth), nn.Linear(width, features)]
    critic = nn.Sequential(*_hidden(features, width, depth))
    model = GeneratorCritic(
        LabelledLatent(nn.Sequential(*generator), classes=classes),
        ProjectionCritic(critic, width, classes=classes),
        latent=latent,
        classes=classes,
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return model


def _hidden(fan_in: int, width: int, depth: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise([fan_in, *[width] * depth]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers
