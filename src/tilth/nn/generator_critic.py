"""Two networks that play against each other, as one module with two named parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tilth.errors import UserError


class GeneratorCritic(nn.Module):
    """A generator and a critic; called, it generates.

    generator: latent [B, latent], and labels [B] where it is conditional -> samples [B, ...]
    critic: samples [B, ...], and labels [B] where it is conditional -> scores [B]

    >>> import torch
    >>> pair = GeneratorCritic(nn.Linear(4, 2), nn.Linear(2, 1))
    >>> pair(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, generator: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic

    def forward(self, latent: Tensor, *labels: Tensor) -> Tensor:
        """Return samples."""
        samples: Tensor = self.generator(latent, *labels)
        return samples


def start_from(model: nn.Module, weights: Mapping[str, str | Path]) -> None:
    """Load parts of a model, each from its own safetensors file.

    weights: name of the part ("generator", "critic") -> path of a file with exactly its tensors

    Raises UserError for a part that the model lacks and for a file that does not fit it.
    """
    parts = dict(model.named_children())
    for name, path in weights.items():
        if name not in parts:
            raise UserError(f"weights for {name!r}", rule="a part of the model", choices=parts)
        try:
            parts[name].load_state_dict(load_file(path))
        except (SafetensorError, OSError, RuntimeError) as error:
            raise UserError(
                f"{path} for the {name} ({error})",
                rule="it is a safetensors file with exactly the tensors of that part",
                fix="build the part as it was when its weights were written",
            ) from error
