"""DCGAN: convolutions with stride instead of pooling, batch norm, and a critic that leaks.

Radford, Metz and Chintala 2016 (https://arxiv.org/abs/1511.06434, section 3 and figure 1).
Departures: kernels of 4 instead of 5, which divide by the stride and so leave no chequers, and no
biases before norms, as in PyTorch's example; a critic with classes has a projection.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from tilth.errors import UserError
from tilth.nn.class_conditional import LabelledLatent, ProjectionCritic
from tilth.nn.generator_critic import GeneratorCritic

LEAST_PX = 4
SPREAD = 0.02  # section 4: of all first weights


def dcgan(
    *, channels: int, size: int, latent: int = 100, classes: int = 0, width: int = 64
) -> GeneratorCritic:
    """Return a generator of pictures in [-1, 1] and a critic of mirrored shape.

    channels, size: of the pictures [B, channels, size, size]; size is at least 8 and even. Each
        stage halves it while it is even and 8 or more: 28 -> 14 -> 7, 32 -> 16 -> 8 -> 4
    latent: of the latent [B, latent]; classes: 0, or the number of labels that both nets are told
    width: channels of the critic's first stage; each later stage has twice those before it

    Raises UserError for a size that cannot be halved.

    >>> net = dcgan(channels=3, size=64)
    >>> sum(p.numel() for p in net.generator.parameters())
    3576704
    """
    last, stages = halvings(size)
    widths = [width * 2**stage for stage in range(stages)]
    generator = _generator(latent + classes, last, widths[::-1], channels)
    critic = _critic(channels, widths)
    model = GeneratorCritic(
        LabelledLatent(generator, classes=classes),
        ProjectionCritic(critic, widths[-1] * last**2, classes=classes),
        latent=latent,
        classes=classes,
    )
    model.apply(_begin)
    return model


def halvings(size: int) -> tuple[int, int]:
    """Return the smallest side and how often ``size`` was halved for it.

    >>> halvings(28), halvings(32)
    ((7, 2), (4, 3))
    """
    side, stages = size, 0
    while side % 2 == 0 and side // 2 >= LEAST_PX:
        side, stages = side // 2, stages + 1
    if not stages:
        raise UserError(
            f"size={size!r}",
            rule="stages double the side up to the picture's: it is even and at least 8 px",
            fix="scale the pictures to 28, 32 or 64 px",
        )
    return side, stages


def _generator(latent: int, side: int, widths: list[int], channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
    layers += [nn.ConvTranspose2d(latent, widths[0], side, bias=False)]
    for before, after in pairwise([*widths, channels]):
        layers += [nn.BatchNorm2d(before), nn.ReLU()]
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def _critic(channels: int, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise([channels, *widths]):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)]
        if before != channels:  # the input layer has no norm
            layers += [nn.BatchNorm2d(after)]
        layers += [nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten())


def _begin(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, SPREAD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, SPREAD)  # as the authors' code has it
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
