"""What is usual for one kind of data; every kind states its own beside its class."""

from __future__ import annotations

from dataclasses import dataclass

MANY_ROWS = 200_000


@dataclass(frozen=True)
class Usual:
    """The defaults of one kind of data. Measured choices: docs/log.md.

    model: the net that is trained where none is named; "" where there is none
    lr: peak rate of AdamW with one-cycle
    batch_size: the largest used by default; for_many_rows: the same from MANY_ROWS rows on
    epochs: fewest and most passes over train; label_smoothing: for three classes or more
    baseline_rows: the most train rows that a baseline is fitted on
    unchecked: what an audit of this kind does not look at, in words
    schedule: how the rate goes over training; clip: largest gradient norm, 0 for any
    augment: whether training pictures are varied
    samples: rows seen in all, by default, within the range of epochs
    range_test: whether a rate can be looked for: where several players pay, no loss tells it
    idle: settings that would change nothing
    measured: whether number type and layout are chosen by timing the gradient of a batch
    """

    model: str
    lr: float
    weight_decay: float
    batch_size: int
    epochs: tuple[int, int]
    label_smoothing: float
    baseline_rows: int
    unchecked: str
    for_many_rows: int = 0
    schedule: str = "one_cycle"
    clip: float = 1.0
    augment: bool = True
    samples: int = 300_000  # minutes on two cores, enough for small nets
    range_test: bool = True
    idle: tuple[str, ...] = ()
    measured: bool = True

    def most_in_batch(self, rows: int) -> int:
        """Return the largest batch that is used by default for so many training rows."""
        return self.for_many_rows if self.for_many_rows and rows >= MANY_ROWS else self.batch_size
