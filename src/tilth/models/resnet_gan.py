"""A residual generator, and a residual critic with spectral norm.

Miyato, Kataoka, Koyama and Yoshida 2018 (https://arxiv.org/abs/1802.05957, table 4), with classes
as Miyato and Koyama 2018 (https://arxiv.org/abs/1802.05637) have them. One step of the power
iteration is made per call of the critic in training mode, as in the authors' code: a batch cut
into slices makes more of them, so its step is not that of the whole batch to rounding. What is
normalised of a convolution is the matrix of its kernel [out, in * height * width], which bounds
the convolution's own norm only up to a factor of the kernel's area (section 2 of the paper).
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tilth.models.dcgan import halvings
from tilth.nn.class_conditional import ClassBatchNorm, ProjectionCritic, check_labels
from tilth.nn.generator_critic import GeneratorCritic


def resnet_gan(
    *, channels: int, size: int, latent: int = 128, classes: int = 0, width: int = 128
) -> GeneratorCritic:
    """Return a generator of pictures in [-1, 1] and a critic with spectral norm.

    channels, size: of the pictures [B, channels, size, size]; size as for ``dcgan``
    latent: of the latent [B, latent]; classes: 0, or the number of labels: the generator's norms
        have a gain and a bias per class, the critic a projection
    width: channels of the critic; the generator has twice as many (table 4: 128 and 256)

    Weights begin as Glorot-uniform, in residual branches with a gain of sqrt(2).

    >>> net = resnet_gan(channels=3, size=32)
    >>> sum(p.numel() for p in net.generator.parameters())
    4276739
    """
    generator = ResidualGenerator(channels, size, latent, classes, 2 * width)
    critic = nn.Sequential(
        FirstCriticBlock(channels, width),
        CriticBlock(width, halve=True),
        CriticBlock(width, halve=False),
        CriticBlock(width, halve=False),
        nn.ReLU(),
        _SumPool(),
    )
    scores = ProjectionCritic(critic, width, classes=classes, spectral=True)
    return GeneratorCritic(generator, scores, latent=latent, classes=classes)


class ResidualGenerator(nn.Module):
    """Dense to the smallest side, one doubling block per halving, norm, ReLU, convolution, tanh."""

    def __init__(self, channels: int, size: int, latent: int, classes: int, width: int) -> None:
        super().__init__()
        side, stages = halvings(size)
        self.classes = classes
        self.dense = _glorot(nn.Linear(latent, width * side**2), 1.0)
        self.shape = nn.Unflatten(1, (width, side, side))
        self.blocks = nn.ModuleList(GeneratorBlock(width, classes) for _ in range(stages))
        self.norm = nn.BatchNorm2d(width)
        self.last = _glorot(nn.Conv2d(width, channels, 3, padding=1), 1.0)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures [B, channels, size, size] in [-1, 1]."""
        check_labels(self.classes, labels)
        x = self.shape(self.dense(latent))
        for block in self.blocks:
            x = block(x, labels)
        pictures: Tensor = self.last(F.relu(self.norm(x))).tanh()
        return pictures


class GeneratorBlock(nn.Module):
    """Doubles the side: norm, ReLU, double, convolve, norm, ReLU, convolve; 1 x 1 beside."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.first_norm = ClassBatchNorm(width, classes=classes)
        self.second_norm = ClassBatchNorm(width, classes=classes)
        self.first, self.second = _branch(width, width), _branch(width, width)
        self.beside = _glorot(nn.Conv2d(width, width, 1), 1.0)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return [B, width, 2 H, 2 W]."""
        inner = self.first(_doubled(F.relu(self.first_norm(x, labels))))
        inner = self.second(F.relu(self.second_norm(inner, labels)))
        added: Tensor = inner + self.beside(_doubled(x))
        return added


class FirstCriticBlock(nn.Module):
    """Halves the side: no ReLU before the first convolution, for its input is the picture."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(_branch(channels, width))
        self.second = spectral_norm(_branch(width, width))
        self.beside = spectral_norm(_glorot(nn.Conv2d(channels, width, 1), 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width, H // 2, W // 2]."""
        inner = F.avg_pool2d(self.second(F.relu(self.first(x))), 2)
        added: Tensor = inner + self.beside(F.avg_pool2d(x, 2))
        return added


class CriticBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution; halved by averaging, with 1 x 1 beside, or neither."""

    def __init__(self, width: int, *, halve: bool) -> None:
        super().__init__()
        self.first = spectral_norm(_branch(width, width))
        self.second = spectral_norm(_branch(width, width))
        beside = _glorot(nn.Conv2d(width, width, 1), 1.0)
        self.beside = spectral_norm(beside) if halve else None

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width, H, W], or half the sides."""
        inner: Tensor = self.second(F.relu(self.first(F.relu(x))))
        if self.beside is None:
            return x + inner
        return F.avg_pool2d(inner, 2) + F.avg_pool2d(self.beside(x), 2)


class _SumPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=(2, 3))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _branch(fan_in: int, fan_out: int) -> nn.Module:
    return _glorot(nn.Conv2d(fan_in, fan_out, 3, padding=1), math.sqrt(2))


def _glorot(layer: nn.Linear | nn.Conv2d, gain: float) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
