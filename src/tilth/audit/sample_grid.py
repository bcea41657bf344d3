"""What a generator made as its training went on: one picture of many samples per look."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tilth.audit.latent import shown

_LINE = 1  # px between samples


def tiled(samples: Tensor, *, columns: int | None = None) -> Tensor:
    """Return pictures [N, C, H, W] side by side in one [C, height, width], row by row.

    columns: as many as make a square where None; places without a picture are white (1)

    >>> tiled(torch.zeros(5, 1, 4, 4)).shape
    torch.Size([1, 9, 14])
    """
    count, channels, height, width = samples.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    step = height + _LINE, width + _LINE
    page = samples.new_ones(channels, rows * step[0] - _LINE, columns * step[1] - _LINE)
    for place, sample in enumerate(samples):
        top, left = (place // columns) * step[0], (place % columns) * step[1]
        page[:, top : top + height, left : left + width] = sample
    return page


def sample_grids(record: dict[int, Tensor], *, columns: int | None = None) -> list[dict[str, Any]]:
    """Return what ``SampleRecord`` kept, for a page, in the order of the steps.

    record: step -> uint8 pictures [N, 1 or 3, H, W], or numbers [N, D]
    Each is ``{"step", "png"}`` with one base64 PNG of all samples, or ``{"step", "numbers"}``.

    >>> sample_grids({3: torch.tensor([[0.5, 1.0]])})
    [{'step': 3, 'numbers': [[0.5, 1.0]]}]
    """
    found: list[dict[str, Any]] = []
    for step, samples in sorted(record.items()):
        if samples.dtype == torch.uint8:
            (page,) = shown(tiled(samples.float() / 255, columns=columns)[None])
            found.append({"step": step, **page})
        else:
            found.append({"step": step, "numbers": samples.flatten(1).tolist()})
    return found
