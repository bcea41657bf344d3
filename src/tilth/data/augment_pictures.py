"""Augmentation of whole batches: each picture moved, tilted and lit by its own random numbers.

The numbers are a function of (seed, epoch, row), so that a picture is changed in the same way
whatever the batch, worker or rank that it is in. All geometry is composed into one matrix per
picture and one interpolation; whole-pixel moves are copied and blur nothing. Only mixing looks
at the other pictures of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tilth.data import geometry
from tilth.data.augment import Augment
from tilth.data.mix import mixing
from tilth.data.moves import Draws, Moves, drawn, either_way, moves_of
from tilth.data.normalise import normalise

_PART = 400_000  # numbers of a part of the batch: they, their places and results fit in a cache


def augment_pictures(
    raw: Tensor,
    keys: Tensor,
    epoch: int,
    *,
    augment: Augment,
    mean: Tensor,
    std: Tensor,
    seed: int = 0,
    bounds: tuple[float, float] = (0.0, 255.0),
) -> Tensor:
    """Return float32 model inputs [B, C, H, W]: changed as ``augment`` says, and normalised.

    raw: [B, C, H, W] uint8 or float32; keys: [B] int64 row ids that the numbers are drawn by
    mean, std: [C] float32 in the units of ``raw``; bounds: black and white in them

    Without any change this is ``normalise(raw, mean, std)``, to the bit.

    >>> from tilth.data.augment import NOTHING
    >>> raw = torch.full((1, 1, 2, 2), 128, dtype=torch.uint8)
    >>> key, scale = torch.tensor([7]), torch.tensor([128.0])
    >>> augment_pictures(raw, key, 0, augment=NOTHING, mean=scale, std=scale)
    tensor([[[[0., 0.],
              [0., 0.]]]])
    """
    height, width = raw.shape[-2:]
    draws = drawn(keys, epoch, seed)
    moves = moves_of(draws, augment, height, width)
    black = (bounds[0] - mean) / std
    light = _light(draws, augment.light, (bounds[1] - bounds[0]) / std) if augment.light else None
    if moves.turned is None:
        inputs = _copied(raw, moves, augment, mean, std, black)
        if light is not None:
            inputs.mul_(light[0]).add_(light[1])
    else:
        # normalised and lit after the move, in one step: values between pixels are linear in them
        scale, added = light or (mean.new_ones(1, 1, 1, 1), mean.new_zeros(1, 1, 1, 1))
        fill = {"zero": torch.full_like(mean, bounds[0]), "mean": mean}.get(augment.pad)
        centre = torch.zeros_like(mean) if fill is None else fill
        first = ((centre - mean) / std)[None, :, None, None]
        inputs = _warped(
            raw, moves.matrices(), fill, scale / std[:, None, None], first * scale + added
        )
    if augment.cutout:
        inputs.masked_fill_(_cutout_mask(inputs.shape, draws, augment.cutout), 0.0)
    if augment.mixes:
        inputs = mixing(keys, epoch, augment, height, width, seed).pictures(inputs)
    return inputs


def _copied(
    raw: Tensor, moves: Moves, augment: Augment, mean: Tensor, std: Tensor, black: Tensor
) -> Tensor:
    """Move by whole pixels and normalise."""
    if augment.flip or augment.flip_vertical or augment.shift:
        raw = moves.copied(raw)
    inputs = normalise(raw, mean, std)
    if augment.shift and augment.pad != "reflect":
        fill = black if augment.pad == "zero" else torch.zeros_like(black)
        where = geometry.outside(moves.x, moves.y, *raw.shape[-2:])
        inputs = torch.where(where, fill[:, None, None], inputs)
    return inputs


def _warped(
    raw: Tensor, matrices: Tensor, fill: Tensor | None, scale: Tensor, added: Tensor
) -> Tensor:
    """Return float32 ``scale * warped + added``, taken in parts that fit in a cache.

    fill: [C] what is subtracted first and seen outside; None for the mirror image
    scale, added: [B, C, 1, 1] or what broadcasts to it
    """
    shape = (*raw.shape[:2], 1, 1)
    scale, added = scale.expand(shape), added.expand(shape)
    result = torch.empty(raw.shape, device=raw.device)
    for part in _parts(raw):
        pixels = raw[part].to(torch.float32)
        if fill is not None:
            pixels = pixels - fill[:, None, None]
        seen = geometry.warp(pixels, matrices[part], reflect=fill is None)
        torch.add(seen.mul_(scale[part]), added[part], out=result[part])
    return result


def _parts(raw: Tensor) -> Iterator[slice]:
    """Yield slices of the batch: all at once on a device that is not the processor."""
    count = len(raw)
    if raw.device.type == "cpu":
        count = max(torch.get_num_threads(), _PART // raw[0].numel())
    return (slice(start, start + count) for start in range(0, len(raw), count))


def _light(draws: Draws, light: float, white: Tensor) -> tuple[Tensor, Tensor]:
    """Return [B, 1, 1, 1] and [B, C, 1, 1]: what normalised inputs are times, and plus.

    white: [C] how far white is from black in their units
    """
    contrast = 1 + either_way(draws["contrast"]) * light
    brightness = either_way(draws["brightness"]) * (light / 2)
    return contrast[:, None, None, None], (brightness[:, None] * white)[:, :, None, None]


def _cutout_mask(shape: torch.Size, draws: Draws, cutout: float) -> Tensor:
    """Return [B, 1, H, W]: where the erased square of each picture lies."""
    height, width = shape[-2:]
    side = cutout * min(height, width)
    middle_y, middle_x = draws["cutout_y"] * height, draws["cutout_x"] * width
    down = torch.arange(height, device=middle_y.device) + 0.5
    across = torch.arange(width, device=middle_x.device) + 0.5
    rows = (down - middle_y[:, None]).abs() <= side / 2
    columns = (across - middle_x[:, None]).abs() <= side / 2
    return (rows[:, :, None] & columns[:, None, :])[:, None]
