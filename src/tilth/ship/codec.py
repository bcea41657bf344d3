"""The Codec: rows to codes and back, and rows that nobody has seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.errors import UserError
from tilth.randomness import fold
from tilth.ship.open_bundle import Opened
from tilth.train.device import choose_device
from tilth.tree import map_tree

ROWS_AT_ONCE = 1024


class Codec:
    """A model that gives rows back; it never changes after it is made.

    >>> import numpy as np
    >>> import tilth as tl
    >>> pictures = np.random.default_rng(0).integers(0, 255, (80, 8, 8), dtype=np.uint8)
    >>> data = tl.arrays(pictures, np.arange(80) % 2)
    >>> latents = {"latents": 3}
    >>> learn = tl.Learner(data, task="variational", model_arguments=latents, quiet=True, epochs=1)
    >>> codec = tl.load(learn.fit().export())
    >>> codec.encode(pictures[:5]).shape, codec.sample(2).shape
    (torch.Size([5, 3]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model: Any = opened.model.to(self._device).eval()
        self._preprocessor = opened.preprocessor

    def encode(self, asked: Any) -> Tensor:
        """Return the codes [N, latents] of pictures or rows, given as for ``predict``."""
        return self._each(self._model.encode, self._preprocessor(asked))

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows [N, *shape] that codes [N, latents] stand for, in the model's scale."""
        return self._each(self._model.decode, codes)

    def reconstruct(self, asked: Any) -> Tensor:
        """Return the rows as they come back, [N, *shape]."""
        return self._each(self._model, self._preprocessor(asked))

    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Return ``count`` rows that the model makes up; raise UserError where it cannot."""
        if not hasattr(self._model, "sample"):
            raise UserError(
                f"samples of a {type(self._model).__name__}",
                rule="only a model with a prior over its codes can make rows up",
                fix='train with task="variational"',
            )
        if count < 1:
            raise UserError(f"count={count}", rule="at least one row is made")
        generator = torch.Generator().manual_seed(fold(seed, "sample"))
        noise = torch.randn(count, self._latents(), generator=generator)
        return self._each(self._model.sample, noise)

    def _latents(self) -> int:
        """Return how many numbers a code has: what the decoder's first layer takes."""
        first = next(part for part in self._model.decoder.modules() if hasattr(part, "in_features"))
        return int(first.in_features)

    def _each(self, function: Any, rows: Any) -> Tensor:
        found = []
        with torch.inference_mode():
            for piece in torch.split(rows, ROWS_AT_ONCE):
                said = function(map_tree(lambda leaf: leaf.to(self._device), piece))
                found.append((said[0] if isinstance(said, tuple) else said).cpu())
        return torch.cat(found)

    def __repr__(self) -> str:
        return f"Codec({type(self._model).__name__}, {self._latents()} numbers a row)"
