"""Rows of a data set as they are judged."""

from __future__ import annotations

from collections.abc import Iterator

from tilth.contracts import Batch
from tilth.data.dataset import IntArray, Rows
from tilth.data.source import in_order
from tilth.tasks._setup import Setup


def judged_rows(data: Rows, rows: IntArray, setup: Setup) -> Iterator[Batch]:
    """Yield rows in their order, without augmentation, on the setup's device.

    In batches four times as large as those of training: no gradient is kept.
    """
    size = min(len(rows), 4 * setup.plan.batch_size)
    return in_order(
        data.store,
        data.wanted,
        rows,
        size,
        prepare=data.prepare(train=False),
        follow=data.follow(train=False),
        device=setup.device,
    )
