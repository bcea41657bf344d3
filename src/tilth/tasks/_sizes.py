"""How long training takes and in which portions, where nothing else is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from tilth.data.source import steps_in
from tilth.data.usual import Usual
from tilth.errors import UserError

LEAST_STEPS = 16  # in an epoch, where the rows allow it


@dataclass(frozen=True)
class Sizes:
    """Rows in a batch, batches in an epoch, and epochs; reasons: of what was not given."""

    batch_size: int
    steps_per_epoch: int
    epochs: int
    reasons: dict[str, str] = field(default_factory=dict)


def sizes_of_rows(usual: Usual, rows: int, size: int | None, epochs: int | None) -> Sizes:
    """Return the sizes for a data set of so many training rows; what is None is filled in.

    Raises UserError for a batch larger than the rows.
    """
    reasons = {}
    if size is not None and size > rows:
        raise UserError(
            f"batch_size={size} with {rows} training rows",
            rule="a batch holds between 1 and all rows",
            fix=f"use batch_size={usual_batch(usual, rows)} or leave it out",
        )
    if epochs is None:
        reasons["epochs"] = f"about {usual.samples:,} rows seen in all, for {rows:,} rows"
    if size is None:
        few = steps_in(rows, usual_batch(usual, rows)) < LEAST_STEPS
        reasons["batch_size"] = "small: few rows" if few else "at least sixteen steps in an epoch"
    size = size or usual_batch(usual, rows)
    return Sizes(size, steps_in(rows, size), epochs or usual_epochs(usual, rows), reasons)


def usual_batch(usual: Usual, rows: int) -> int:
    """Return a power of two: the kind's size, halved until an epoch has sixteen steps.

    >>> from tilth.data.image_set import ImageData
    >>> [usual_batch(ImageData.usual, rows) for rows in (10, 1258, 51000)]
    [8, 64, 128]
    """
    size = usual.most_in_batch(rows)
    while size > 8 and rows < LEAST_STEPS * size:
        size //= 2
    return min(size, rows)


def usual_epochs(usual: Usual, rows: int) -> int:
    """Return how often to pass over train: about ``usual.samples`` rows, within its range.

    >>> from tilth.data.image_set import ImageData
    >>> [usual_epochs(ImageData.usual, rows) for rows in (51000, 8500, 1258)]
    [6, 35, 40]
    """
    low, high = usual.epochs
    return max(low, min(high, round(usual.samples / rows)))
