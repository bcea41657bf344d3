"""How far the pixels of normalised pictures may be changed, and where black and white are."""

from __future__ import annotations

import torch

from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.nn.attack import Ball


def image_ball(ready: ImagePreprocessor, radius: float, device: torch.device) -> Ball:
    """Return the ball around model inputs within which each pixel changes by ``radius``.

    radius: as a share of the way from black to white (8 / 255 is eight steps of 8-bit pixels)

    >>> ready = ImagePreprocessor(8, 8, 1, mean=(51.0,), std=(102.0,))
    >>> ball = image_ball(ready, 0.2, torch.device("cpu"))
    >>> [round(float(one), 3) for one in (ball.radius, ball.low, ball.high)]
    [0.5, -0.5, 2.0]
    """
    mean, std = (value[:, None, None] for value in ready.statistics(device))
    low, high = ready.value_range
    return Ball(radius * (high - low) / std, (low - mean) / std, (high - mean) / std)
