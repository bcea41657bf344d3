"""Finding out which rows of a store can be taken, where that is known only by trying."""

from __future__ import annotations

import torch

from tilth.data.dataset import IntArray, Store
from tilth.data.image_scan import Progress
from tilth.errors import UserError

_PIECE = 64  # rows tried at once


def unreadable_rows(
    store: Store, rows: IntArray, progress: Progress | None = None
) -> dict[int, str]:
    """Take every row; return row -> reason for those that fail with a UserError.

    Decoded pictures stay in the store's cache, so that this is not work done twice.
    """
    bad: dict[int, str] = {}
    for done, piece in enumerate(torch.split(torch.from_numpy(rows), _PIECE)):
        try:
            store.take(piece)
        except UserError:
            for row in piece.tolist():
                try:
                    store.take(torch.tensor([row]))
                except UserError as error:
                    bad[row] = error.found.rpartition(": ")[2]
        if progress is not None:
            progress("checking files", done * _PIECE + len(piece), len(rows))
    return bad
