"""Two nets back to back: from rows to a few numbers, and from those numbers to rows.

Dense layers for vectors and small pictures; for pictures also convolutions, each of which halves
them (4 x 4, stride 2, so that every pixel is seen equally often; Radford et al. 2016 without
their batch norm, which would let a row's code depend on its batch mates).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from tilth.errors import UserError, choose

LAYERS = {"dense": (512, 256), "convolutional": (32, 64)}
"""Widths where none are given: units of dense layers, channels of convolutions."""


def encoder_decoder(
    shape: Sequence[int],
    codes: int,
    latents: int,
    *,
    blocks: str = "dense",
    layers: Sequence[int] | None = None,
) -> tuple[nn.Module, nn.Module]:
    """Return an encoder [B, *shape] -> [B, codes] and a decoder [B, latents] -> [B, *shape].

    blocks: "dense" or "convolutional"
    layers: widths from the rows inwards (the decoder has them backwards); None takes those of
    ``LAYERS``, and dense blocks without layers are linear maps
    Raises UserError for a shape that is none, or that the blocks cannot take, and for no latents.

    >>> encoder, decoder = encoder_decoder((1, 8, 8), codes=6, latents=3, layers=(20,))
    >>> [part.weight.shape[0] for part in (*encoder, *decoder) if isinstance(part, nn.Linear)]
    [20, 6, 20, 64]
    """
    choose(blocks, LAYERS, "kind of blocks")
    if len(shape) not in (1, 3) or not all(isinstance(n, int) and n > 0 for n in shape):
        raise UserError(
            f"shape={shape!r}", rule="shape is (numbers,) or (channels, height, width) of one row"
        )
    if latents < 1:
        raise UserError(f"latents={latents}", rule="a row is told by one number at the least")
    widths = tuple(LAYERS[blocks] if layers is None else layers)
    if blocks == "dense":
        return _dense_encoder(shape, widths, codes), _dense_decoder(shape, widths, latents)
    sides = _halved(shape, len(widths))
    return (
        _convolutional_encoder(shape[0], sides, widths, codes),
        _convolutional_decoder(shape[0], sides, widths, latents),
    )


def _dense_encoder(shape: Sequence[int], widths: tuple[int, ...], codes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise((prod(shape), *widths)):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear((prod(shape), *widths)[-1], codes))


def _dense_decoder(shape: Sequence[int], widths: tuple[int, ...], latents: int) -> nn.Module:
    layers: list[nn.Module] = []
    inwards = (latents, *reversed(widths))
    for fan_in, fan_out in pairwise(inwards):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.Linear(inwards[-1], prod(shape)), nn.Unflatten(1, tuple(shape))
    )


def _halved(shape: Sequence[int], times: int) -> list[tuple[int, int]]:
    """Return the (height, width) before and after each halving."""
    if len(shape) != 3 or not times or min(shape[1:]) < 2**times:
        raise UserError(
            f"shape={tuple(shape)} with {times} convolutional layers",
            rule="rows are (channels, height, width), and each layer halves both sides",
            fix="use fewer layers, or blocks='dense'",
        )
    height, width = shape[1:]
    return [(height >> halvings, width >> halvings) for halvings in range(times + 1)]


def _convolutional_encoder(
    channels: int, sides: list[tuple[int, int]], widths: tuple[int, ...], codes: int
) -> nn.Module:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise((channels, *widths)):
        layers += [nn.Conv2d(fan_in, fan_out, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * prod(sides[-1]), codes))


def _convolutional_decoder(
    channels: int, sides: list[tuple[int, int]], widths: tuple[int, ...], latents: int
) -> nn.Module:
    smallest = (widths[-1], *sides[-1])
    layers: list[nn.Module] = [nn.Linear(latents, prod(smallest)), nn.Unflatten(1, smallest)]
    outwards = (*reversed(widths), channels)
    for (fan_in, fan_out), (height, width) in zip(pairwise(outwards), sides[-2::-1], strict=True):
        odd = (height % 2, width % 2)  # the pixel that halving left out
        grow = nn.ConvTranspose2d(fan_in, fan_out, 4, stride=2, padding=1, output_padding=odd)
        layers += [nn.ReLU(), grow]
    return nn.Sequential(*layers)
