"""The rows a person should look at: where the net is most wrong, and where it hesitates."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from tilth.audit.intervals import FloatArray
from tilth.audit.words import short
from tilth.data.dataset import IntArray, Rows
from tilth.plain import plain

MOST_PICTURES, MOST_ROWS = 24, 12
THUMBNAIL_PX = 128
MOST_COLUMNS = 30
LONGEST_CELL = 200  # characters; a report is no place for a whole document


def most(data: Rows) -> int:
    """Return how many items are worth showing of this kind of data."""
    return MOST_PICTURES if data.kind == "images" else MOST_ROWS


def show(data: Rows, row: int) -> dict[str, Any]:
    """Return the item's id and its picture (``png``, base64) or its ``row`` of plain values.

    An item that can no longer be read is shown by its id and the reason (``missing``).
    """
    shown: dict[str, Any] = {"item": data.item_id(row), "png": "", "row": {}, "missing": ""}
    try:
        found = data.show_item(row)
        if "png" in found:
            shown["png"] = thumbnail(found["png"])
        else:
            columns = list(found["row"].items())
            shown["row"] = {str(name): _cell(value) for name, value in columns[:MOST_COLUMNS]}
            shown["columns_left_out"] = max(0, len(columns) - MOST_COLUMNS)
    except (OSError, ValueError) as error:
        shown["missing"] = str(error)
    return shown


def _cell(value: Any) -> Any:
    kept = plain(value)
    return short(kept, LONGEST_CELL) if isinstance(kept, str) else kept


def thumbnail(png: bytes) -> str:
    """Return the picture as base64 PNG, its longer side at most 128 pixels.

    Raises OSError or ValueError where the bytes are no picture.
    """
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        if max(picture.size) <= THUMBNAIL_PX:
            return base64.b64encode(png).decode("ascii")
        small = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode("ascii")


def largest(values: FloatArray, count: int) -> IntArray:
    """Return the places of the ``count`` largest values, largest first; ties by place.

    >>> largest(np.array([0.1, 0.9, 0.5]), 2).tolist()
    [1, 2]
    """
    return np.argsort(-values, kind="stable")[:count]
