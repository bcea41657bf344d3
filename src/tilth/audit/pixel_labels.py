"""Pictures and masks in a report: large enough, with a legend of colours."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHOWN_PX = 160  # the shorter side of a mask in a report


def tile(picture: Image.Image) -> str:
    """Return a picture or a mask as base64 PNG, large enough to be looked at."""
    scale = max(1, round(SHOWN_PX / min(picture.size)))
    size = (picture.width * scale, picture.height * scale)
    written = io.BytesIO()
    picture.convert("RGB").resize(size, Image.Resampling.NEAREST).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")


def swatch(colour: NDArray[np.uint8]) -> str:
    """Return a small square of a colour as base64 PNG, for a legend."""
    written = io.BytesIO()
    Image.new("RGB", (16, 16), tuple(int(part) for part in colour)).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")
