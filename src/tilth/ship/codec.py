"""The Codec: rows to codes and back, and rows that nobody has seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.decode.interpolate import linear
from tilth.decode.latent_density import mixture_density, standard_normal
from tilth.decode.resampling import ALPHA, resampling_weights
from tilth.errors import UserError
from tilth.randomness import fold
from tilth.ship.answering import Answering
from tilth.ship.open_bundle import Opened
from tilth.ship.requests import understand
from tilth.train.device import choose_device
from tilth.tree import map_tree

ROWS_AT_ONCE = 1024
PARTS = 10  # Gaussians of a fitted density (Ghosh et al. 2020, section 4)


class Codec(Answering):
    """A model that gives rows back; it never changes after it is made.

    Rows are asked about as pictures are for ``predict``: paths, arrays, folders, lists of them.

    >>> import numpy as np
    >>> import tilth as tl
    >>> pictures = np.random.default_rng(0).integers(0, 255, (80, 8, 8), dtype=np.uint8)
    >>> latents = {"latents": 3}
    >>> given = {"model_arguments": latents, "quiet": True, "epochs": 1}
    >>> codec = tl.load(tl.Learner(tl.arrays(pictures), task="variational", **given).fit().export())
    >>> codec.encode(pictures[:5]).shape, codec.sample(2).shape
    (torch.Size([5, 3]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model: Any = opened.model.to(self._device).eval()
        self._preprocessor = opened.preprocessor

    def encode(self, asked: Any) -> Tensor:
        """Return the codes [N, latents] of pictures or rows, given as for ``predict``."""
        return self._each(self._model.encode, self._inputs(asked))

    def decode(self, codes: Tensor) -> Tensor:
        """Return the rows [N, *shape] that codes [N, latents] stand for, in the model's scale."""
        return self._each(self._model.decode, codes)

    def reconstruct(self, asked: Any) -> Tensor:
        """Return the rows as they come back, [N, *shape]."""
        return self._each(self._model, self._inputs(asked))

    def sample(self, count: int, *, like: Any = None, seed: int = 0) -> Tensor:
        """Return ``count`` rows that the model makes up, [count, *shape].

        like: rows; codes are then drawn from a mixture of ten Gaussians fitted to theirs (Ghosh
        et al. 2020). Without, they are drawn from the prior, which a variational model has.
        Raises UserError for a model without a prior where nothing is given to be like, and for
        fewer than two rows to be like.
        """
        if count < 1:
            raise UserError(f"count={count}", rule="at least one row is made")
        generator = torch.Generator().manual_seed(fold(seed, "sample"))
        if like is not None:
            codes = self.encode(like)
            if len(codes) < 2:
                raise UserError(f"{len(codes)} row to be like", rule="a density needs several")
            density = mixture_density(codes, parts=min(PARTS, len(codes) // 2), seed=seed)
            return self.decode(density.sample(count, generator))
        if not hasattr(self._model, "sample") or not hasattr(self._model, "latents"):
            raise UserError(
                f"samples of a {type(self._model).__name__}",
                rule="only a model with a prior over its codes (sample) and a number of them "
                "(latents) can make rows up by itself",
                fix='give rows to be like (like=pictures), or train with task="variational"',
            )
        noise = standard_normal(self._model.latents).sample(count, generator)
        return self._each(self._model.sample, noise)

    def between(self, first: Any, last: Any, *, steps: int = 9) -> Tensor:
        """Return [steps, *shape] rows on the way from one row to another, both ends included.

        first, last: one row each; codes are changed evenly along a straight line
        Raises UserError for several rows at once, and for fewer than two steps.
        """
        ends = [self.encode(one) for one in (first, last)]
        if {len(end) for end in ends} != {1} or steps < 2:
            found = f"{len(ends[0])} and {len(ends[1])} rows in {steps} steps"
            raise UserError(found, rule="a way is from one row to one other, in two steps at least")
        return self.decode(linear(ends[0][0], ends[1][0], torch.linspace(0, 1, steps)))

    def resampling_weights(self, asked: Any, *, alpha: float = ALPHA) -> Tensor:
        """Return [N] chances, summing to 1, by which rows of rare codes are drawn more often.

        alpha: above 0; the smaller, the more rare rows are preferred (Amini et al. 2019)
        Draw rows by them (``torch.multinomial``) to train another model on what is rare as often
        as on what is common. See ``tilth.decode.resampling``.
        """
        return resampling_weights(self.encode(asked), alpha=alpha)

    def _inputs(self, asked: Any) -> Any:
        if self._preprocessor.kind == "images":
            asked = understand(asked, self._preprocessor).items
        return self._preprocessor(asked)

    def _each(self, function: Any, rows: Any) -> Tensor:
        found = []
        with torch.inference_mode():
            for piece in torch.split(rows, ROWS_AT_ONCE):
                said = function(map_tree(lambda leaf: leaf.to(self._device), piece))
                found.append((said[0] if isinstance(said, tuple) else said).cpu())
        return torch.cat(found)

    def __repr__(self) -> str:
        latents = getattr(self._model, "latents", None)  # a model of your own may not say
        told = f", {latents} numbers a row" if latents else ""
        return f"Codec({type(self._model).__name__}{told})"
