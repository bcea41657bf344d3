"""What can be wrong with points in pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.dataset import MOST_ITEMS, Finding, ItemId


def point_findings(
    outside: NDArray[np.bool_], places: Tensor, names: Sequence[str], item_id: ItemId
) -> list[Finding]:
    """Return the finding of points that were given and lie outside of what is seen.

    outside: [rows, P] which those are; places: [rows, P, 2], not a number for what is not there
    """
    lost = outside.sum(axis=0)
    given = lost + (~places.isnan().any(dim=2)).sum(dim=0).numpy()
    listed = [
        f"{name} {few:,} of {all_of_it:,}"
        for name, few, all_of_it in zip(names, lost, given, strict=True)
        if few
    ]
    if not listed:
        return []
    return [
        Finding(
            "points_outside",
            "warning",
            "points that lie outside of what is seen of their pictures count as not there: "
            + ", ".join(listed),
            "points are px of the pictures as they came: other units, x and y exchanged? What "
            "fit='crop' cuts off, fit='pad' shows",
            tuple(item_id(int(row)) for row in np.flatnonzero(outside.any(axis=1))[:MOST_ITEMS]),
        )
    ]
