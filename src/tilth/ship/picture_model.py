"""The PictureModel: pictures in, what the model makes of them out, each in its own size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import torch

from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.picture_size import in_own_size
from tilth.data.pixel_arrays import picture
from tilth.errors import UserError
from tilth.ship.open_bundle import Opened
from tilth.ship.requests import Name, understand
from tilth.train.device import choose_device

if TYPE_CHECKING:
    from PIL import Image


class PictureModel:
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

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model = opened.model.to(self._device).eval()
        self._preprocessor = cast(ImagePreprocessor, opened.preprocessor)

    def apply(self, asked: Any) -> Any:
        """Return a PIL picture for one picture, a list of them for several.

        asked: a path, the bytes of a file, a PIL picture or an array; a folder or a list of them
        Raises UserError naming the picture that cannot be read.
        """
        request = understand(asked, self._preprocessor)
        if request.shape == "one":
            return self._one(request.items[0])
        return [self._one(item) for item in request.items]

    def apply_items(self, asked: Any) -> Iterator[tuple[Name, Image.Image | UserError]]:
        """Yield each picture's name with what is made of it, or with why it cannot be read."""
        request = understand(asked, self._preprocessor)
        for name, item in zip(request.names, request.items, strict=True):
            try:
                yield name, self._one(item)
            except UserError as error:
                yield name, error

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

    def __repr__(self) -> str:
        return f"PictureModel({type(self._model).__name__})"
