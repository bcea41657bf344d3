"""Rows to look at: pictures on a contact sheet, table rows as a frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tilth.data.dataset import IntArray, Rows


def show_rows(data: Rows, rows: IntArray, captions: Sequence[str], title: str) -> Any:
    """Return a matplotlib figure of pictures, or a polars frame with the captions as a column.

    A caption of several lines is one line in the frame, with commas.
    """
    items = [data.show_item(int(row)) for row in rows]
    if items and "png" in items[0]:
        return contact_sheet([item["png"] for item in items], captions)
    import polars as pl

    frame = pl.DataFrame([item["row"] for item in items], infer_schema_length=None)
    if not any(captions):
        return frame
    lines = [caption.replace("\n", ", ") for caption in captions]
    return frame.with_columns(pl.Series(title, lines, dtype=pl.String))


def contact_sheet(pictures: Sequence[bytes], captions: Sequence[str]) -> Any:
    """Return a figure with pictures (PNG bytes) in rows of up to five, captions above."""
    from matplotlib.figure import Figure
    from PIL import Image

    across = min(5, len(pictures))
    down = -(-len(pictures) // across)
    figure = Figure(figsize=(2 * across, 2.3 * down), layout="constrained")
    axes = np.atleast_1d(figure.subplots(down, across)).ravel()
    for place, axis in enumerate(axes):
        axis.axis("off")
        if place < len(pictures):
            picture = Image.open(io.BytesIO(pictures[place]))
            axis.imshow(np.asarray(picture), cmap="gray" if picture.mode == "L" else None)
            axis.set_title(captions[place], fontsize=8)
    return figure
