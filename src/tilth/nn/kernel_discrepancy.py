"""How far apart two distributions are, seen by a kernel, as one value a pair of rows.

The squared maximum mean discrepancy of real rows x and made rows y, by the unbiased estimate of
Gretton et al. 2012 (https://jmlr.org/papers/v13/gretton12a.html, lemma 6): the mean over pairs of
places i != j of k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tilth.errors import UserError

Kernel = Callable[[Any, Any], Any]

LEAST_ROWS = 3
BLOCK = 1000  # rows that are compared with each other: time grows with their square


def cubic(first: Any, second: Any) -> Any:
    """Return (x . y / D + 1)^3 for [N, D] and [M, D] (Binkowski et al. 2018, section 4).

    Tensors or arrays. It sees moments up to the third, so it is for features, not for points.

    >>> cubic(torch.ones(1, 2), torch.ones(1, 2))
    tensor([[8.]])
    """
    return (first @ second.T / first.shape[1] + 1) ** 3


def minus_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return minus the Euclidean distances of [N, D] and [M, D]: for points as they are.

    The discrepancy is then the energy distance 2 E|x - y| - E|x - x'| - E|y - y'| (Szekely and
    Rizzo 2013, equation 5; Sejdinovic et al. 2013, theorem 22), 0 for equal distributions alone.

    >>> minus_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([[-5.]])
    """
    return -torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")


def pair_values(real: Tensor, made: Tensor, kernel: Kernel) -> Tensor:
    """Return [N] numbers whose mean is the discrepancy of ``real`` and ``made`` [N, D].

    They are the jackknife's pseudo-values of the estimate (Efron and Stein 1981), a pair (real
    row, made row) being what is left out, so that resampling them gives its interval. More than
    1,000 rows are compared in blocks of at most so many, drawn by chance.

    Raises UserError for sets of different sizes, or of less than three rows.

    >>> rows = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).double()
    >>> float(pair_values(rows[:100], rows[100:] + 3, minus_distance).mean()) > 1
    True
    """
    count = len(real)
    if len(made) != count or count < LEAST_ROWS:
        raise UserError(
            f"{count} real and {len(made)} made rows",
            rule=f"pairs of rows are compared: as many of each, {LEAST_ROWS} at least",
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    values = torch.empty(count, dtype=torch.float64)
    for places in torch.tensor_split(order, -(-count // BLOCK)):
        values[places] = _of_block(real[places].double(), made[places].double(), kernel)
    return values


def _of_block(real: Tensor, made: Tensor, kernel: Kernel) -> Tensor:
    count, across = len(real), kernel(real, made)
    pairs = kernel(real, real) + kernel(made, made) - across - across.T
    own = (pairs.sum(1) - pairs.diagonal()) / (count - 1)
    values: Tensor = (2 * (count - 1) * own - count * own.mean()) / (count - 2)
    return values
