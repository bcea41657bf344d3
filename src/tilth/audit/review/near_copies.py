"""Pairs of pictures that one scene was saved as twice: other sizes, compression, light, edges.

What ``tilth check`` looks for at once (``data/image_duplicates.py``) does not survive a crop. Here
every picture is also looked at without a little of each edge: thumbnails of 16 such crops, freed
of brightness and contrast, are looked up among the thumbnails of all pictures, and the crop of
each pair that is close is then refined on larger ones in colour, until they match or do not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from tilth.data.dataset import IntArray, Store
from tilth.data.image_duplicates import exact_groups, look
from tilth.data.near_rows import products, projection, unit

CUTS = (0.0125, 0.0375)
"""Shares of a side that a crop takes from an edge: within 0.0125 of all up to 0.05."""
CLOSE = 0.97
"""Correlation of 8 x 8 thumbnails from which a pair is looked at more closely."""
SAME = 0.97
"""Correlation of the refined crops in colour from which two pictures are one scene."""
LIKELY = 0.9
"""The same before the crop is refined: below it no refinement of the crops above reaches SAME."""
_COARSE, _LEAST, _MOST = 8, 14, 32
_STEPS = (0.0125, 0.0125, 0.006, 0.006)  # of the search for the crop, as shares of a side
_PIECE = 256
_MOST_CANDIDATES = 200_000  # of one crop
_MOST_NEIGHBOURS = 10_000_000  # of one crop, before they are measured; 24 bytes each
_NEAREST = 32  # that each picture is held against where there would be more
_MOST_REFINED = 20_000
_MOST_NEAR = 50_000  # pictures held at once, each up to 12 kB as bytes


@dataclass(frozen=True)
class Copies:
    """pairs: [pairs, 2] row ids, first the lower; likeness: [pairs] correlation, 1 where equal

    complete: whether every pair that was close could be looked at, or else the most alike only
    among: how many pictures were searched for copies that are not equal (equal ones are found
    among all, and the first of them in each split stands for the others)
    """

    pairs: IntArray
    likeness: NDArray[np.float64]
    complete: bool
    among: int


def near_copies(
    store: Store, rows: IntArray, white: float, splits: Mapping[str, IntArray] | None = None
) -> Copies:
    """Return the pairs of ``rows`` that are one scene, the most alike first.

    store: raw pixels; white: the range of their values; splits: where equal rows may lie apart
    """
    looks = look(store, rows, white)
    split_of = {int(row): name for name, own in (splits or {}).items() for row in own}
    equal = [
        (int(a), int(b)) for group in exact_groups(looks) for a, b in itertools.pairwise(group)
    ]
    places = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_NEAR)).astype(np.int64)
    firsts: dict[tuple[Any, str | None], int] = {}
    for place in places:
        row = int(rows[place])
        firsts.setdefault((looks.digests[place], split_of.get(row)), row)
    some = np.array(list(firsts.values()), dtype=np.int64)
    small = _small(store, some)
    candidates, complete = _candidates(small, white)
    alike = _refined(small, candidates, white)
    digests = [digest for digest, _ in firsts]
    other = [digests[a] != digests[b] for a, b in candidates[:, :2].tolist()]
    kept = (alike >= SAME) & np.array(other, dtype=bool)
    close = np.sort(some[candidates[kept][:, :2]], axis=1)
    found = dict(zip(map(tuple, close.tolist()), alike[kept].tolist(), strict=True))
    found |= dict.fromkeys(equal, 1.0)
    order = sorted(found, key=lambda pair: (-found[pair], pair))
    pairs = np.array(order, dtype=np.int64).reshape(-1, 2)
    return Copies(pairs, np.array([found[pair] for pair in order]), complete, len(places))


def crops() -> Tensor:
    """Return [17, 4] shares cut from left, top, right and bottom: nothing, then each of 16."""
    cut = itertools.product(CUTS, repeat=4)
    return torch.tensor([(0.0,) * 4, *cut])


def cropped(pixels: Tensor, cut: Tensor, side: int) -> Tensor:
    """Return pictures without their edges, brought to ``side`` by bilinear interpolation.

    pixels: [B, C, H, W] float; cut: [B, 4] shares of the width (first, third) and height
    """
    left, top, right, bottom = cut.unbind(1)
    nothing = torch.zeros_like(left)
    matrix = torch.stack(
        [
            torch.stack([1 - left - right, nothing, left - right], 1),
            torch.stack([nothing, 1 - top - bottom, top - bottom], 1),
        ],
        1,
    )
    grid = F.affine_grid(matrix, [len(pixels), 1, side, side], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _small(store: Store, rows: IntArray) -> Tensor:
    """Return all pictures [N, C, h, w] at no more than twice the side they are compared at.

    Those of bytes stay bytes, a quarter of what float32 takes.
    """
    parts = []
    for piece in torch.split(torch.from_numpy(rows), _PIECE):
        pixels = store.take(piece).cpu()
        size = (min(2 * _MOST, pixels.shape[2]), min(2 * _MOST, pixels.shape[3]))
        pooled = F.adaptive_avg_pool2d(pixels.float(), size)
        parts.append(pooled.round().byte() if pixels.dtype == torch.uint8 else pooled)
    return torch.cat(parts)


def _candidates(small: Tensor, white: float) -> tuple[IntArray, bool]:
    """Return [candidates, 3] places of a pair, and which crop of the first is like the second.

    Also whether these are all of them.
    """
    full = _thumbs(small, torch.zeros(1, 4), white)[0]
    shaped = np.flatnonzero(full.any(1).numpy())
    if len(shaped) < 2:
        return np.zeros((0, 3), dtype=np.int64), True
    project = projection(full[shaped])
    tree = cKDTree(project(full[shaped]))
    found, likeness, complete = [], [], True
    for number, cut in enumerate(crops()):
        turned = full if number == 0 else _thumbs(small, cut[None], white)[0]
        near, every = _near(project(turned[shaped]), tree)
        pairs = shaped[_once(near) if number == 0 else near[near[:, 0] != near[:, 1]]]
        like = products(turned, full, pairs)
        close = np.flatnonzero(like >= CLOSE)
        complete &= every and len(close) <= _MOST_CANDIDATES
        close = close[np.argsort(-like[close], kind="stable")][:_MOST_CANDIDATES]
        found.append(np.insert(pairs[close], 2, number, axis=1))
        likeness.append(like[close])
    return _best_crops(np.concatenate(found), np.concatenate(likeness), complete)


def _near(points: NDArray[np.float64], tree: cKDTree) -> tuple[IntArray, bool]:
    """Return [pairs, 2] places of points and of those close in the tree, and whether that is all.

    Where there would be too many, each point has its nearest ones.
    """
    radius, asked = math.sqrt(2 - 2 * CLOSE), cKDTree(points)
    if asked.count_neighbors(tree, radius) <= _MOST_NEIGHBOURS:
        near = asked.sparse_distance_matrix(tree, radius, output_type="ndarray")
        return np.stack([near["i"], near["j"]], 1), True
    distances, places = tree.query(points, k=_NEAREST, distance_upper_bound=radius)
    first, rank = np.nonzero(np.isfinite(distances))
    return np.stack([first, places[first, rank]], 1), False


def _once(pairs: IntArray) -> IntArray:
    """Return each pair of two places once, the lower first."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    size = high.max(initial=0) + 1
    codes = np.unique((low * size + high)[low != high])
    return np.stack([codes // size, codes % size], 1)


def _best_crops(
    candidates: IntArray, likeness: NDArray[np.float32], complete: bool
) -> tuple[IntArray, bool]:
    """Return each pair once, with the crop that is most like it; the most alike first."""
    order = np.argsort(-likeness, kind="stable")
    pairs = np.sort(candidates[order, :2], axis=1)
    firsts = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
    complete &= len(firsts) <= _MOST_REFINED
    return candidates[order[firsts[:_MOST_REFINED]]], complete


def _thumbs(small: Tensor, cuts: Tensor, white: float) -> list[Tensor]:
    """Return for each crop [N, 64] unit vectors of grey thumbnails; zero where one is flat."""
    found = []
    for cut in cuts:
        parts = [
            F.adaptive_avg_pool2d(
                cropped(piece.float(), cut.expand(len(piece), 4), 4 * _COARSE).mean(1, True),
                _COARSE,
            ).flatten(1)
            for piece in torch.split(small, _PIECE)
        ]
        found.append(unit(torch.cat(parts), white))
    return found


def _refined(small: Tensor, candidates: IntArray, white: float) -> NDArray[np.float64]:
    """Return the correlation in colour of each candidate under the best crop near its own."""
    # half the pixels, so that what a compression did to single ones is averaged
    side = min(_MOST, max(_LEAST, min(small.shape[2:]) // 2))
    known, nothing = crops(), torch.zeros(1, 4)
    found = np.zeros(len(candidates))
    for begin in range(0, len(candidates), _PIECE):
        some = candidates[begin : begin + _PIECE]
        second = cropped(small[some[:, 1]].float(), nothing.expand(len(some), 4), side)
        pair = small[some[:, 0]].float(), unit(second.flatten(1), white)
        best = known[some[:, 2]]
        value = _likeness(*pair, best, white)
        likely = value >= LIKELY
        if likely.any():
            pair = pair[0][likely], pair[1][likely]
            best, value = best[likely], value[likely]
            found[begin + np.flatnonzero(likely.numpy())] = _climbed(pair, best, value, white)
    return found


def _climbed(
    pair: tuple[Tensor, Tensor], best: Tensor, value: Tensor, white: float
) -> NDArray[np.float32]:
    """Return the likeness after each edge was moved in turn, in and out, where that is better."""
    for step in _STEPS:
        for edge, way in itertools.product(range(4), (-step, step)):
            tried = best.clone()
            tried[:, edge] = (tried[:, edge] + way).clamp(-0.02, 0.1)
            like = _likeness(*pair, tried, white)
            better = like > value
            value = torch.where(better, like, value)
            best = torch.where(better[:, None], tried, best)
    return value.numpy()


def _likeness(first: Tensor, wanted: Tensor, cut: Tensor, white: float) -> Tensor:
    """Return the correlation of each cropped picture with what is wanted, unit vectors."""
    side = round((wanted.shape[1] / first.shape[1]) ** 0.5)
    return (unit(cropped(first, cut, side).flatten(1), white) * wanted).sum(1)
