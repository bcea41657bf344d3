"""The PictureModel: pictures in, what the model makes of them out, each in its own size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tilth.data.picture_size import in_own_size
from tilth.data.pixel_arrays import picture
from tilth.errors import UserError
from tilth.ship.picture_answers import PictureAnswers

if TYPE_CHECKING:
    from PIL import Image


class PictureModel(PictureAnswers):
    """A model that restores or styles pictures; it never changes after it is made.

    Pictures need not have the size that it learned from: each is answered in its own, or that
    many times larger.

    >>> import numpy as np
    >>> import tilth as tl
    >>> pictures = np.random.default_rng(0).integers(0, 255, (80, 12, 12), dtype=np.uint8)
    >>> data = tl.arrays(pictures, np.arange(80) % 2)
    >>> small = {"width": 4, "blocks": 1}
    >>> learn = tl.Learner(data, task="restore", model_arguments=small, quiet=True, epochs=1)
    >>> model = tl.load(learn.fit().export())
    >>> model.apply(pictures[0]).size  # twice as large
    (24, 24)
    """

    def _one(self, item: Any) -> Image.Image:
        inputs = in_own_size(item, self._preprocessor)
        with torch.inference_mode():
            found = self._model(inputs.to(self._device))[0].float().cpu()
        if not found.isfinite().all():
            raise UserError(
                "the picture made holds numbers that are not finite",
                fix="look for pixels far outside those it was trained with",
            )
        return picture((found.clamp(0, 1) * 255).round().to(torch.uint8).numpy())
