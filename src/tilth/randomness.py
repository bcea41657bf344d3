"""Counter-based random numbers: the same draw for a row whatever worker or rank asks.

``Philox4x32-10`` (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
1, 2, 3", section 3.3) turns a 128-bit counter and a 64-bit key into four 32-bit words. Here the
key is (seed, stream) and the counter (row, epoch, block), so draws need no state at all.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)  # Salmon et al. 2011, table 2
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF

SEEDS = 2**31
"""How many seeds worlds and other libraries take: 0 to 2**31 - 1."""


def fold(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed for a named purpose from ``seed``.

    >>> fold(0, "order", 3) == fold(0, "order", 3) != fold(0, "order", 4)
    True
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def philox(counter: list[Tensor], key: tuple[int, int]) -> list[Tensor]:
    """Return the four 32-bit words (int64 tensors in [0, 2^32)) of Philox4x32-10.

    ``counter`` is four int64 tensors of one shape holding 32-bit words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        # int64 products wrap, but their bits are right; the mask drops the sign extension
        c0, c1, c2, c3 = (
            ((product1 >> 32) & _MASK) ^ c1 ^ k0,
            product1 & _MASK,
            ((product0 >> 32) & _MASK) ^ c3 ^ k1,
            product0 & _MASK,
        )
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return [c0, c1, c2, c3]


def uniform(rows: Tensor, count: int, *, seed: int, stream: str, epoch: int = 0) -> Tensor:
    """Return [len(rows), count] float32 uniforms in [0, 1), a function of its arguments only.

    ``rows`` are int64 row ids, ``stream`` names the purpose, so that two uses never share numbers.

    >>> a = uniform(torch.tensor([5, 9]), 3, seed=0, stream="flip")
    >>> b = uniform(torch.tensor([9]), 3, seed=0, stream="flip")
    >>> torch.equal(a[1:], b)
    True
    """
    blocks = math.ceil(count / 4)
    key = fold(seed, stream)
    row = rows.to(torch.int64)[:, None].expand(-1, blocks)
    block = torch.arange(blocks, device=rows.device).expand(len(rows), -1)
    counter = [row & _MASK, row >> 32, torch.full_like(row, epoch), block.contiguous()]
    words = torch.stack(philox(counter, (key & _MASK, (key >> 32) & _MASK)), dim=-1)
    # 24 bits fill a float32 mantissa exactly, so 1.0 is never returned
    return ((words >> 8).to(torch.float32) * 2.0**-24).reshape(len(rows), 4 * blocks)[:, :count]


def normal(rows: Tensor, count: int, *, seed: int, stream: str, epoch: int = 0) -> Tensor:
    """Return [len(rows), count] float32 standard normal numbers, a function of its arguments only.

    Box and Muller 1958, equation 1, on what ``uniform`` gives.

    >>> draws = normal(torch.arange(100), 100, seed=0, stream="noise")
    >>> abs(float(draws.mean())) < 0.05, abs(float(draws.std()) - 1) < 0.05
    (True, True)
    """
    drawn = uniform(rows, 2 * math.ceil(count / 2), seed=seed, stream=stream, epoch=epoch)
    first, second = drawn.chunk(2, dim=1)
    radius, angle = (-2 * torch.log1p(-first)).sqrt(), 2 * math.pi * second
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


def permutation(count: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order of ``count`` rows in ``epoch``: an int64 tensor, f(seed, epoch).

    >>> sorted(permutation(4, seed=0, epoch=1).tolist())
    [0, 1, 2, 3]
    """
    generator = torch.Generator().manual_seed(fold(seed, "order", epoch))
    return torch.randperm(count, generator=generator)


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a private NumPy generator for a named purpose."""
    return np.random.default_rng(fold(seed, *names))
