"""Two latents moved together: every row that they decode to, to walk through in the report."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.audit.latent import STEPS, Decode, around, shown


def explorer(
    decode: Decode, base: Tensor, spread: Tensor, across: int, down: int
) -> dict[str, Any]:
    """Return the pictures of a grid over two latents, the others as in ``base``, as one PNG.

    decode: [N, D] -> pictures [N, 1 or 3, height, width]; base, spread: [D] means and standard
    deviations of codes; across, down: the places of the two latents
    ``"png"`` holds 9 x 9 pictures without gaps, ``"across"`` and ``"down"`` the latents' places
    and the values that they take.
    """
    values = {place: around(base, spread, place) for place in (across, down)}
    codes = base.repeat(STEPS * STEPS, 1)
    codes[:, down] = values[down].repeat_interleave(STEPS)
    codes[:, across] = values[across].repeat(STEPS)
    pictures = decode(codes)
    _, channels, height, width = pictures.shape
    sheet = pictures.reshape(STEPS, STEPS, channels, height, width).permute(2, 0, 3, 1, 4)
    (page,) = shown(sheet.reshape(1, channels, STEPS * height, STEPS * width))
    return {
        **page,
        "height": height,
        "width": width,
        "across": {"latent": across, "values": values[across].tolist()},
        "down": {"latent": down, "values": values[down].tolist()},
    }


def explorers(
    decode: Decode, base: Tensor, spread: Tensor, order: list[int], *, most: int = 3
) -> list[dict[str, Any]]:
    """Return grids over the first and second latent of ``order``, the third and fourth, ...

    None where rows are no pictures.
    """
    with torch.no_grad():
        first = decode(base[None])
    if first.dim() != 4 or first.shape[1] not in (1, 3):
        return []
    pairs = list(zip(order[::2], order[1::2], strict=False))[:most]
    return [explorer(decode, base, spread, across, down) for across, down in pairs]
