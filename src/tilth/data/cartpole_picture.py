"""The cart and the pole as a picture, drawn with Pillow: no display and no game library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

WIDTH, HEIGHT = 300, 200
TRACK, RAIL = 4.8, 150  # metres across the picture; the rail's height in pixels
POLE = 1.0  # metres


def draw_cartpole(place: float, angle: float) -> Any:
    """Return [200, 300, 3] uint8.

    place: of the cart, in metres from the middle; angle: of the pole, in radians to the right

    >>> draw_cartpole(0.0, 0.0).shape
    (200, 300, 3)
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    scale = WIDTH / TRACK
    middle = WIDTH / 2 + place * scale
    tip = (middle + POLE * scale * math.sin(angle), RAIL - 8 - POLE * scale * math.cos(angle))
    draw.line([(0, RAIL), (WIDTH, RAIL)], fill="black")
    draw.rectangle([middle - 14, RAIL - 8, middle + 14, RAIL + 8], fill="black")
    draw.line([(middle, RAIL - 8), tip], fill=(202, 152, 101), width=6)
    draw.ellipse([middle - 3, RAIL - 11, middle + 3, RAIL - 5], fill=(129, 132, 203))
    return np.asarray(picture)
