"""The Segmenter: pictures in, a mask of each out, in the picture's own size."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from tilth.data.decoder import placement
from tilth.data.mask_colours import painted
from tilth.data.mask_decoder import VOID
from tilth.data.picture_size import in_own_size, own_size
from tilth.decode.tiles import in_tiles
from tilth.errors import UserError
from tilth.ship.open_bundle import Opened
from tilth.ship.picture_answers import PictureAnswers


class Segmenter(PictureAnswers):
    """A model that tells the class of every pixel.

    labels: the classes; values: what is written for each in a mask, as in the masks that it
        learned from, and last for what lies outside of what was seen

    >>> import numpy as np
    >>> import tilth as tl
    >>> pictures = np.random.default_rng(0).integers(0, 255, (60, 16, 16), dtype=np.uint8)
    >>> data = tl.arrays(pictures, (pictures > 127).astype(np.uint8), task="segment")
    >>> run = tl.Learner(data, model_arguments={"width": 4}, quiet=True, epochs=1).fit()
    >>> model = tl.load(run.export())
    >>> np.asarray(model.apply(np.zeros((40, 30), dtype=np.uint8))).shape
    (40, 30)
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        super().__init__(opened, device=device)
        self.labels, self._in_tiles = opened.labels, False
        self.values = opened.values or (*range(len(self.labels)), VOID)

    def tiled(self) -> Segmenter:
        """Return the same model, which looks at a picture in its own size, in tiles.

        Tiles are as large as the pictures that it learned from; otherwise a picture is brought to
        that size. For large pictures of things as large as they were there.
        """
        again = copy.copy(self)
        again._in_tiles = True
        return again

    def _one(self, item: Any) -> Image.Image:
        mask = self._tiled(item) if self._in_tiles else self._scaled(item)
        return painted(mask, len(self.labels), self.values)

    def _tiled(self, item: Any) -> Any:
        ready = self._preprocessor
        inputs = in_own_size(item, ready).to(self._device)
        sides = (ready.height, ready.width)
        found = in_tiles(self._logits, inputs, sides, settle=likeliest)
        return found[0, 0].numpy()

    def _scaled(self, item: Any) -> Any:
        """Return the classes by logits at the size that was learned from, brought back."""
        ready = self._preprocessor
        height, width = own_size(item, ready)
        place = placement((width, height), (ready.width, ready.height), ready.fit)
        logits = self._logits(ready([item]).to(self._device))
        left, top = place.corner
        seen = logits[..., top : top + place.inner[1], left : left + place.inner[0]]
        box = [round(side) for side in place.box]
        size = (box[3] - box[1], box[2] - box[0])
        near = F.interpolate(seen, size=size, mode="bilinear", align_corners=False)
        mask = np.full((height, width), VOID, dtype=np.uint8)
        mask[box[1] : box[3], box[0] : box[2]] = near.argmax(dim=1)[0].cpu().numpy()
        return mask

    def _logits(self, inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = self._model(inputs).float()
        if not found.isfinite().all():
            raise UserError(
                "the model's answer holds numbers that are not finite",
                fix="look for pixels far outside those it was trained with",
            )
        return found


def likeliest(logits: Tensor) -> Tensor:
    """Return the class of each pixel, uint8 [1, 1, H, W], of logits [1, K, H, W].

    >>> likeliest(torch.tensor([0.0, 2.0, 1.0]).reshape(1, 3, 1, 1)).item()
    1
    """
    return logits.argmax(dim=1, keepdim=True).to(torch.uint8)
