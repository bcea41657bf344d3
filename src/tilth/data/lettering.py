"""Letters laid over pictures: a line of text at a random place, as whole tensors."""

from __future__ import annotations

import functools
import string

import numpy as np
import torch
from torch import Tensor

from tilth.randomness import uniform

HEIGHT, WIDTH = 11, 6  # pixels of a letter in Pillow's own bitmap font
SIDE_PX = 48  # letters are as many times as large as this goes into the shorter side
LETTERS = string.ascii_uppercase + string.digits


def lettered(pictures: Tensor, keys: Tensor, epoch: int, *, seed: int) -> Tensor:
    """Return the pictures [B, C, H, W] in [0, 1] with a line of text across each.

    keys: [B] int64 row ids; text, place and tone are a function of (seed, epoch, row)
    The sides are at least ``HEIGHT`` and ``WIDTH`` px.

    >>> grey = torch.full((1, 1, 16, 16), 0.5)
    >>> found = lettered(grey, torch.tensor([3]), 0, seed=0)
    >>> len(found.unique())  # what was there, and one tone
    2
    """
    height, width = pictures.shape[-2:]
    scale = max(1, min(height, width) // SIDE_PX)
    count = max(1, width // (WIDTH * scale))
    draws = uniform(keys, 3 + count, seed=seed, stream="lettering", epoch=epoch)
    draws = draws.to(pictures.device)
    line = _line((draws[:, 3:] * len(LETTERS)).long(), scale)
    mask = _placed(line, draws[:, 0], draws[:, 1], height, width)
    tone = (draws[:, 2] < 0.5).to(pictures.dtype)
    return torch.where(mask[:, None], tone[:, None, None, None], pictures)


def _line(letters: Tensor, scale: int) -> Tensor:
    """Return the strokes [B, scale * HEIGHT, scale * WIDTH * letters] of letters [B, count]."""
    strokes = _alphabet().to(letters.device)[letters]
    line = strokes.transpose(1, 2).flatten(2)
    return line.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def _placed(line: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """Return [B, height, width]: the line at shares ``top`` and ``left`` of the room it has."""
    tall, wide = line.shape[1:]
    first_row = (top * (height - tall + 1)).long()[:, None]
    first_column = (left * (width - wide + 1)).long()[:, None]
    down = torch.arange(height, device=line.device) - first_row
    across = torch.arange(width, device=line.device) - first_column
    inside = ((down >= 0) & (down < tall))[:, :, None] & ((across >= 0) & (across < wide))[:, None]
    rows = torch.arange(len(line), device=line.device)[:, None, None]
    found = line[rows, down.clamp(0, tall - 1)[:, :, None], across.clamp(0, wide - 1)[:, None]]
    return found & inside


@functools.cache
def _alphabet() -> Tensor:
    """Return the strokes of ``LETTERS``, [letters, HEIGHT, WIDTH]."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default_imagefont()  # carried by Pillow, the same everywhere
    drawn = []
    for letter in LETTERS:
        picture = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=font)
        drawn.append(np.asarray(picture) > 127)
    return torch.from_numpy(np.stack(drawn))
