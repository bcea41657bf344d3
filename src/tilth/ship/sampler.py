"""The Sampler: rows that nobody has seen, from any number of threads, with nothing of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.errors import UserError, choose
from tilth.nn.generator_critic import latents_for, sampled
from tilth.randomness import fold
from tilth.ship.answering import Answering
from tilth.ship.open_bundle import Opened
from tilth.train.device import choose_device


class Sampler(Answering):
    """Makes rows up, in the units of those that it learned from.

    It never changes after it is made, so threads may share it without a lock.
    labels: those that rows can be made for, () where they are not made for one

    >>> import numpy as np
    >>> import tilth as tl
    >>> points = np.random.default_rng(0).normal(5.0, 2.0, size=(400, 2))
    >>> learn = tl.Learner(tl.arrays(points, np.arange(400) % 2), task="generate", quiet=True)
    >>> sampler = tl.load(learn.fit(1).export())
    >>> sampler.sample(3).shape
    (3, 2)
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model: Any = opened.model.to(self._device).eval()
        self._preprocessor: Any = opened.preprocessor
        self.labels = opened.labels if self._model.classes else ()

    def sample(
        self, count: int, *, seed: int = 0, label: str | Sequence[str] | None = None
    ) -> NDArray[Any]:
        """Return ``count`` rows: [count, columns], or pictures [count, H, W] or [count, H, W, 3].

        seed: the same one gives the same rows
        label: what to make them for, one for all or one for each; where None, ``labels_for``
        Raises UserError for labels that it does not know, or has none of.
        """
        told = self._told(self.labels_for(count) if label is None else label, count)
        latents = latents_for(self._model, count, seed=fold(seed, "sample")).to(self._device)
        found: NDArray[Any] = self._preprocessor.restored(sampled(self._model, latents, *told))
        return found

    def labels_for(self, count: int) -> list[str]:
        """Return the labels of ``count`` samples where none are asked for: each in turn."""
        if count < 1:
            raise UserError(f"count={count}", rule="at least one row is made")
        return [self.labels[place % len(self.labels)] for place in range(count) if self.labels]

    def _told(self, label: str | Sequence[str], count: int) -> tuple[torch.Tensor, ...]:
        names = [label] * count if isinstance(label, str) else [str(one) for one in label]
        if not self.labels:
            if names:
                raise UserError(
                    f"label={label!r}",
                    rule="this model makes rows for no label",
                    fix="leave label out, or train with task_arguments={'conditional': True}",
                )
            return ()
        if len(names) != count:
            raise UserError(f"{len(names)} labels for {count} rows", rule="each row has one")
        places = {name: place for place, name in enumerate(self.labels)}
        ids = [places[choose(name, self.labels, "label")] for name in names]
        return (torch.from_numpy(np.array(ids, dtype=np.int64)).to(self._device),)

    def __repr__(self) -> str:
        made = f"for {len(self.labels)} labels" if self.labels else "for no label"
        return f"Sampler({type(self._model).__name__}, {made})"
