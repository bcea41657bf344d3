"""The Translator: pictures of one set in the looks of another, and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.errors import choose
from tilth.ship.answering import Answering
from tilth.ship.open_bundle import Opened
from tilth.train.device import choose_device

PICTURES_AT_ONCE = 64
WAYS = {"target": "to_target", "source": "to_source"}


class Translator(Answering):
    """Translates pictures between the two sets it learned from; it never changes.

    >>> import numpy as np
    >>> import tilth as tl
    >>> draws = np.random.default_rng(0).integers(0, 128, (2, 60, 16, 16), dtype=np.uint8)
    >>> data = tl.domains(draws[0], draws[1] + 128)
    >>> small = {"width": 4, "blocks": 1, "critic_width": 4, "critic_halvings": 1}
    >>> learn = tl.Learner(data, task="translate", model_arguments=small, epochs=1, quiet=True)
    >>> translator = tl.load(learn.fit().export())
    >>> translator.translate(draws[0][:5], to="target").shape
    torch.Size([5, 1, 16, 16])
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model: Any = opened.model.to(self._device).eval()
        self._preprocessor = opened.preprocessor

    def translate(self, pictures: Any, *, to: str = "target") -> Tensor:
        """Return [N, C, H, W] from 0 (black) to 1 (white), in the looks of the set named.

        pictures: paths, PIL pictures or arrays, one or several; to: "target" or "source"
        Raises UserError for another set, and for pictures that cannot be read.
        """
        net = getattr(self._model.generator, WAYS[choose(to, WAYS, "set")])
        seen: Tensor = self._preprocessor(pictures)
        with torch.inference_mode():
            pieces = torch.split(seen, PICTURES_AT_ONCE)
            made = torch.cat([net(piece.to(self._device)).float().cpu() for piece in pieces])
        return (made + 1) / 2

    def __repr__(self) -> str:
        return f"Translator({type(self._model).__name__}, to target or source)"
