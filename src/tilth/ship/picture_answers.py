"""What models share that answer a picture with a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.errors import UserError
from tilth.ship.answering import Answering
from tilth.ship.open_bundle import Opened
from tilth.ship.requests import Name, understand
from tilth.train.device import choose_device

if TYPE_CHECKING:
    from PIL import Image


class PictureAnswers(Answering, ABC):
    """Pictures in, pictures out; it never changes after it is made."""

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model = opened.model.to(self._device).eval()
        self._preprocessor = cast(ImagePreprocessor, opened.preprocessor)

    @abstractmethod
    def _one(self, item: Any) -> Image.Image:
        """Return what is made of one picture."""

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._model).__name__})"
