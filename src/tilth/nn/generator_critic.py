"""Two networks that play against each other, as one module with two named parts."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from tilth.nn.modes import modes_kept

_AT_ONCE = 500  # rows


class GeneratorCritic(nn.Module):
    """A generator and a critic; called, it generates.

    generator: latent [B, latent], and labels [B] where it is conditional -> samples [B, ...]
    critic: samples [B, ...], and labels [B] where it is conditional -> scores [B]
    latent: numbers in a latent; classes: 0, or the number of labels that both nets are told

    >>> import torch
    >>> pair = GeneratorCritic(nn.Linear(4, 2), nn.Linear(2, 1), latent=4)
    >>> pair(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, generator: nn.Module, critic: nn.Module, *, latent: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic
        self.latent, self.classes = latent, classes

    def forward(self, latent: Tensor, *labels: Tensor) -> Tensor:
        """Return samples."""
        samples: Tensor = self.generator(latent, *labels)
        return samples


def latent_of(model: nn.Module) -> int:
    """Return how many numbers the generator of a model starts from."""
    return int(cast(Any, model).latent)


def latents_for(model: nn.Module, count: int, *, seed: int) -> Tensor:
    """Return [count, latent] standard normal numbers, a function of the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, latent_of(model), generator=generator)


def sampled(model: nn.Module, latents: Tensor, *labels: Tensor) -> Tensor:
    """Return what the generator makes of latents [N, latent], on the CPU, in evaluation mode.

    Modes are put back; rows are made 500 at a time.

    >>> pair = GeneratorCritic(nn.Linear(4, 2), nn.Linear(2, 1), latent=4)
    >>> sampled(pair, latents_for(pair, 3, seed=0)).shape
    torch.Size([3, 2])
    """
    generator = model.get_submodule("generator")
    with modes_kept(generator), torch.no_grad():
        generator.eval()
        pieces = zip(*(torch.split(one, _AT_ONCE) for one in (latents, *labels)), strict=True)
        return torch.cat([generator(*piece).float().cpu() for piece in pieces])
