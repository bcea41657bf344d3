"""What tasks share that learn from two sets of pictures: batches of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from torch import Tensor

from tilth.data.dataset import IntArray
from tilth.data.domains import Domains, as_domains
from tilth.data.image_set import ImageData
from tilth.data.paired import Domain, PairedSource
from tilth.randomness import fold
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._setup import Setup

Side = Literal["source", "target"]
BOTH: tuple[Side, Side] = ("source", "target")


def set_of(data: Domains, side: Side) -> ImageData:
    """Return one of the two sets."""
    return data.source if side == "source" else data.onto


def rows_of(data: Domains, side: Side, split: str) -> IntArray:
    """Return the rows of a split in one of the two sets, by its own numbers."""
    return data.sides(split)[0 if side == "source" else 1]


def paired(setup: Setup, *, labels_of: Side = "source") -> PairedSource:
    """Return batches of both train splits: first the set whose labels are learned, then the other.

    No label of the second set is handed out.
    """
    data, plan = as_domains(setup.data), setup.plan
    seed = fold(plan.seed, "phase", setup.phase)
    other: Side = "target" if labels_of == "source" else "source"

    def domain(side: Side) -> Domain:
        one = set_of(data, side)
        drawn = fold(seed, "augment", side)
        prepare = one.prepare(train=plan.augment, seed=drawn)
        rows = rows_of(data, side, "train")
        if side != labels_of:
            return Domain(one.store, rows, prepare)
        follow = one.follow(train=plan.augment, seed=drawn)
        return Domain(one.store, rows, prepare, one.targets, follow)

    sides = (domain(labels_of), domain(other))
    return PairedSource(*sides, plan.batch_size, seed=seed, device=setup.device)


def inputs(setup: Setup, side: Side, rows: IntArray) -> Iterator[Tensor]:
    """Return the inputs of rows of one set, in their order, on the setup's device."""
    one = set_of(as_domains(setup.data), side)
    return (batch.inputs for batch in judged_rows(one, rows, setup))


def spaced(rows: IntArray, most: int) -> IntArray:
    """Return at most so many of the rows, evenly spaced.

    >>> spaced(np.arange(10), 3)
    array([0, 4, 9])
    """
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
