"""What a JPEG file keeps of pictures, as whole tensors on any device.

ITU-T T.81 (1992), annex A.3.3 (the cosine transform) and annex K (tables 1 and 2), with the
scaling of the tables by quality of the Independent JPEG Group's library and the colours of JFIF.
Colour is kept at full size (4:4:4), and nothing is written: the coding after the rounding of
coefficients loses nothing.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_COLOUR = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 32),
)
_TO_LUMINANCE = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
_TO_RED_GREEN_BLUE = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


def compressed(pictures: Tensor, quality: int) -> Tensor:
    """Return [B, 1 or 3, H, W] in [0, 1] as they come back from a JPEG file.

    quality: 1 (least) to 95, as Pillow and libjpeg count it

    >>> flat = torch.full((1, 1, 8, 8), 0.5)
    >>> float((compressed(flat, 50) - flat).abs().max()) < 1 / 255
    True
    """
    levels = (pictures * 255).round()
    colour = pictures.shape[1] == 3
    if colour:
        levels = _turned(levels, _TO_LUMINANCE)
        levels[:, 1:] += 128
        levels = levels.round()
    tables = [_table(_COLOUR if plane and colour else _LUMINANCE, quality) for plane in range(3)]
    table = torch.stack(tables[: pictures.shape[1]]).to(pictures)
    kept = (_quantised(levels - 128, table) + 128).round().clamp(0, 255)
    if colour:
        kept[:, 1:] -= 128
        kept = _turned(kept, _TO_RED_GREEN_BLUE).round().clamp(0, 255)
    return kept / 255


def _quantised(levels: Tensor, table: Tensor) -> Tensor:
    """Round the cosine coefficients of blocks of 8 x 8 to multiples of ``table`` [C, 8, 8]."""
    height, width = levels.shape[-2:]
    padded = F.pad(levels, (0, -width % 8, 0, -height % 8), mode="replicate")
    count, channels, tall, wide = padded.shape
    blocks = padded.reshape(count, channels, tall // 8, 8, wide // 8, 8).transpose(3, 4)
    cosines = _cosines().to(levels)
    steps = table[:, None, None]
    rounded = (cosines @ blocks @ cosines.T / steps).round() * steps
    back = (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(padded.shape)
    return back[..., :height, :width]


def _turned(planes: Tensor, colours: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("oc,bchw->bohw", torch.tensor(colours).to(planes), planes)


def _table(base: tuple[int, ...], quality: int) -> Tensor:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    scaled = [(value * percent + 50) // 100 for value in base]
    return torch.tensor(scaled, dtype=torch.float32).clamp(1, 255).reshape(8, 8)


@functools.cache
def _cosines() -> Tensor:
    """Return the orthonormal cosine transform of eight numbers, [frequency, place]."""
    rows = [
        [
            math.sqrt((1 if frequency == 0 else 2) / 8)
            * math.cos((2 * place + 1) * frequency * math.pi / 16)
            for place in range(8)
        ]
        for frequency in range(8)
    ]
    return torch.tensor(rows)
