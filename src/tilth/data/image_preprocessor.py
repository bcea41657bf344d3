"""What turns pictures into model inputs: the same code for evaluation and for prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from tilth.data.augment import Augment
from tilth.data.decoder import Decoder, Fit
from tilth.data.normalise import normalise
from tilth.data.open_image import MAX_PIXELS, BadImage
from tilth.data.pixel_arrays import (
    DEPTHS,
    as_bytes,
    channels_first,
    opaque,
    picture,
    with_channels,
)
from tilth.errors import UserError


@dataclass(frozen=True)
class ImagePreprocessor:
    """From paths, file bytes, PIL pictures or arrays to float32 [B, C, H, W], normalised.

    height, width: pixels; channels: 1 (grey) or 3; mean, std: per channel, over the training
    rows, in the units of ``value_range`` = (black, white); dtype: how pixels are held before
    they are normalised; fit, max_pixels: see Decoder; augment: how training varied its pictures,
    for who asks for several views of one

    >>> ready = ImagePreprocessor(2, 2, 1, mean=(127.5,), std=(127.5,))
    >>> ready(np.array([[0, 255], [255, 0]], dtype=np.uint8))
    tensor([[[[-1.,  1.],
              [ 1., -1.]]]])
    """

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "squash"
    value_range: tuple[float, float] = (0.0, 255.0)
    dtype: Literal["uint8", "float32"] = "uint8"
    max_pixels: int = MAX_PIXELS
    augment: Augment | None = None

    kind: ClassVar[str] = "images"

    def __call__(self, raw: Any) -> Tensor:
        """Return normalised float32 [B, C, H, W] for one item or a list of items.

        Arrays are [H, W], [H, W, C] or [C, H, W], or a batch of those; uint8, or floats within
        0..1 (for a model that learned from float arrays: in the units it learned from).
        Raises UserError naming the item that cannot be read, and why.
        """
        return self.normalised(self.pixels(raw))

    def pixels(self, raw: Any) -> Tensor:
        """Return the pixels before normalisation, [B, C, H, W] in ``dtype``."""
        items = self._items(raw)
        if not items:
            return torch.empty((0, *self.decoder.shape), dtype=getattr(torch, self.dtype))
        return torch.stack([self._one(item, place) for place, item in enumerate(items)])

    def normalised(self, pixels: Tensor) -> Tensor:
        """Return ``pixels`` [B, C, H, W] normalised with the statistics of the training rows."""
        mean, std = self.statistics(pixels.device)
        return normalise(pixels, mean, std)

    def restored(self, inputs: Tensor) -> NDArray[Any]:
        """Return the pixels [B, H, W] or [B, H, W, 3] that inputs [B, C, H, W] stand for.

        In the units that the model learned from: uint8, or float32 where pixels are held so.
        What lies beyond black or white is cut off.
        """
        mean, std = (value[:, None, None] for value in self.statistics(inputs.device))
        low, high = self.value_range
        pixels = (inputs * std + mean).clamp(low, high).cpu()
        if self.dtype == "uint8":
            pixels = pixels.round().to(torch.uint8)
        planes: NDArray[Any] = pixels.numpy()
        if self.channels == 1:
            return planes[:, 0]
        return np.ascontiguousarray(np.moveaxis(planes, 1, -1))

    def statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return mean and std as [C] float32 on ``device``."""
        if device not in self._placed:
            tensors = torch.tensor(self.mean), torch.tensor(self.std)
            self._placed[device] = (tensors[0].to(device), tensors[1].to(device))
        return self._placed[device]

    @cached_property
    def decoder(self) -> Decoder:
        """What decodes files to this size."""
        return Decoder(self.height, self.width, self.channels, self.fit, self.max_pixels)

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        lists = {key: list(getattr(self, key)) for key in ("mean", "std", "value_range")}
        return {"kind": self.kind, **asdict(self), **lists}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ImagePreprocessor:
        """Read what ``to_config`` gave."""
        tuples: dict[str, Any] = {key: tuple(config[key]) for key in ("mean", "std", "value_range")}
        varied = config.get("augment")
        tuples["augment"] = None if varied is None else Augment(**varied)
        return cls(**{key: v for key, v in config.items() if key != "kind"} | tuples)

    @cached_property
    def _placed(self) -> dict[torch.device, tuple[Tensor, Tensor]]:
        return {}

    def _items(self, raw: Any) -> Sequence[Any]:
        if isinstance(raw, (list, tuple)):
            return raw
        if isinstance(raw, Tensor):
            raw = raw.detach().cpu().numpy()
        if isinstance(raw, np.ndarray) and self._is_batch(raw):
            return list(raw)
        return [raw]

    def _is_batch(self, array: NDArray[Any]) -> bool:
        if array.ndim != 3:
            return array.ndim == 4
        if self.channels == 1 and array.shape[1:] == (self.height, self.width):
            return True  # a stack of grey pictures, even if there are three of them
        return array.shape[-1] not in DEPTHS and array.shape[0] not in DEPTHS

    def _one(self, item: Any, place: int) -> Tensor:
        try:
            if isinstance(item, Tensor):
                item = item.detach().cpu().numpy()
            if isinstance(item, np.ndarray):
                return self._from_array(item)
            return self._in_units(self.decoder(item))
        except BadImage as error:
            name = item if isinstance(item, str) or hasattr(item, "__fspath__") else f"item {place}"
            raise UserError(f"{name}: {error}", fix="give a picture that can be read") from error
        except TypeError as error:
            raise UserError(
                f"item {place} is {type(item).__name__}",
                rule="a picture is a path, the bytes of a file, a PIL picture or an array",
            ) from error

    def _from_array(self, array: NDArray[Any]) -> Tensor:
        planes = channels_first(array)
        if self.dtype == "float32" and array.dtype.kind == "f":
            return self._resized(planes.astype(np.float32))
        return self._in_units(self.decoder(picture(as_bytes(planes))))

    def _in_units(self, pixels: Tensor) -> Tensor:
        """Bring 8-bit pixels to the units that the model learned from."""
        if self.dtype == "uint8":
            return pixels
        low, high = self.value_range
        return pixels.to(torch.float32) * ((high - low) / 255.0) + low

    def _resized(self, planes: NDArray[np.float32]) -> Tensor:
        plain = with_channels(opaque(planes[None], self.value_range[1]), self.channels)
        pixels = torch.from_numpy(np.ascontiguousarray(plain))
        size = (self.height, self.width)
        if pixels.shape[2:] != size:
            pixels = interpolate(pixels, size, mode="bilinear", antialias=True)
        return pixels[0]
