"""Items for the report: small pictures, plain rows, and what can no longer be read."""

from __future__ import annotations

import base64
import datetime
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.audit.stand_ins import Pictures, class_rows
from tilth.audit import showcase


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, (width, height), 7).save(written, "PNG")
    return written.getvalue()


def test_small_pictures_are_kept_to_the_byte():
    assert base64.b64decode(showcase.thumbnail(png(28, 28, "L"))) == png(28, 28, "L")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16", "P"])
def test_large_pictures_are_shrunk_and_keep_their_shape(mode):
    with Image.open(
        io.BytesIO(base64.b64decode(showcase.thumbnail(png(1000, 500, mode))))
    ) as found:
        assert found.size == (128, 64)
        assert found.format == "PNG"


def test_a_picture_is_shown_by_its_pixels():
    data = class_rows(20, kind=Pictures)
    shown = showcase.show(data, 3)
    with Image.open(io.BytesIO(base64.b64decode(shown["png"]))) as found:
        pixels = np.asarray(found)
    expected = (255 * data.features[3].reshape(4, 4)).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels, expected)
    assert shown["item"] == "row 3" and shown["missing"] == ""


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("gone")])
def test_an_item_that_cannot_be_read_any_more_is_named(error, monkeypatch):
    data = class_rows(20, kind=Pictures)

    def gone(row: int):
        raise error

    monkeypatch.setattr(data, "show_item", gone)
    shown = showcase.show(data, 3)
    assert shown["missing"] == "gone" and shown["png"] == "" and shown["item"] == "row 3"


def test_rows_are_plain_short_and_not_too_many(monkeypatch):
    data = class_rows(20)
    row = {f"column {i}": i for i in range(40)}
    row |= {"column 0": datetime.date(2030, 1, 2), "column 1": float("nan"), "column 2": "x" * 900}
    monkeypatch.setattr(data, "show_item", lambda _: {"row": row})
    shown = showcase.show(data, 0)
    assert len(shown["row"]) == showcase.MOST_COLUMNS and shown["columns_left_out"] == 10
    assert shown["row"]["column 0"] == "2030-01-02" and shown["row"]["column 1"] is None
    assert len(shown["row"]["column 2"]) == showcase.LONGEST_CELL
    json.dumps(shown, allow_nan=False)


def test_largest_keeps_the_order_of_ties():
    assert showcase.largest(np.array([1.0, 3.0, 3.0, 2.0]), 3).tolist() == [1, 2, 3]
    assert showcase.largest(np.zeros(0), 3).tolist() == []
