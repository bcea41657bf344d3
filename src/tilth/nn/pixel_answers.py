"""A network that answers for every pixel, for pictures of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class PixelAnswers(nn.Module):
    """``head(body(pictures))`` in the pictures' own size; body and head as in ``BodyHead``.

    body: pictures [B, C, H, W] -> maps, smaller or not; head: maps -> [B, outputs, h, w]
    multiple: sides that the body takes are whole multiples of it; others are filled up by
    repeating the border and cut off at the end
    decoder: parts of the body that know nothing where its encoder does, and learn with the head
    What the head gives in a smaller size is enlarged (bilinear).

    >>> import torch
    >>> net = PixelAnswers(nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 5, 1), multiple=2)
    >>> net(torch.zeros(1, 3, 5, 7)).shape
    torch.Size([1, 5, 5, 7])
    """

    def __init__(
        self,
        body: nn.Module,
        head: nn.Module,
        *,
        multiple: int = 1,
        decoder: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.body, self.head, self.multiple = body, head, multiple
        self._decoder = tuple(decoder)  # a tuple: the body holds them already

    def head_parts(self) -> list[nn.Module]:
        """Return what learns as the last layer group (see ``nn/layer_groups.py``)."""
        return [*self._decoder, self.head]

    def forward(self, pictures: Tensor) -> Tensor:
        """Return [B, outputs, H, W]: logits of classes for every pixel."""
        height, width = pictures.shape[-2:]
        filled = (0, -width % self.multiple, 0, -height % self.multiple)
        whole = F.pad(pictures, filled, mode="replicate") if any(filled) else pictures
        maps: Any = self.head(self.body(whole))
        if maps.shape[-2:] != whole.shape[-2:]:
            maps = F.interpolate(maps, size=whole.shape[-2:], mode="bilinear", align_corners=False)
        answers: Tensor = maps[..., :height, :width]
        return answers
