"""How near pictures are to those wanted: two numbers that papers on restoring give."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE, SIGMA = 11, 1.5  # px; Wang et al. 2004, section III.C
K1, K2 = 0.01, 0.03  # there, too
LEAST_ERROR = 1e-10  # where nothing differs: 100 dB


def signal_to_noise(found: Tensor, wanted: Tensor) -> Tensor:
    """Return each picture's peak signal-to-noise ratio in dB, [B]; 100 dB at the most.

    ``-10 log10`` of the mean squared error over all channels. found, wanted: [B, C, H, W] in
    [0, 1]

    >>> found = signal_to_noise(torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4))
    >>> round(found.item(), 2)  # 20 log10(2)
    6.02
    """
    error = (found.double() - wanted.double()).square().flatten(1).mean(1)
    return -10 * error.clamp(min=LEAST_ERROR).log10()


def structural_similarity(found: Tensor, wanted: Tensor) -> Tensor:
    """Return each picture's structural similarity, [B]; 1 where nothing differs.

    Wang, Bovik, Sheikh and Simoncelli 2004, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", equations 13 to 17: a Gaussian window of 11 px and sigma 1.5, its
    places all inside the picture, the mean over places and channels. A picture of fewer than 11 px
    has a window of the largest odd side that goes into it. found, wanted: [B, C, H, W] in [0, 1]

    >>> picture = torch.rand(1, 3, 16, 16)
    >>> structural_similarity(picture, picture).item()
    1.0
    """
    first, second = found.double(), wanted.double()
    window = _window(min(SIDE, *(side - 1 + side % 2 for side in found.shape[-2:]))).to(first)
    mean_1, mean_2 = _blurred(first, window), _blurred(second, window)
    spread_1 = _blurred(first * first, window) - mean_1 * mean_1
    spread_2 = _blurred(second * second, window) - mean_2 * mean_2
    together = _blurred(first * second, window) - mean_1 * mean_2
    light = (2 * mean_1 * mean_2 + K1**2) / (mean_1**2 + mean_2**2 + K1**2)
    structure = (2 * together + K2**2) / (spread_1 + spread_2 + K2**2)
    return (light * structure).flatten(1).mean(1)


def _window(side: int) -> Tensor:
    places = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    weights = torch.exp(-places.square() / (2 * SIGMA**2))
    return weights / weights.sum()


def _blurred(pictures: Tensor, window: Tensor) -> Tensor:
    """Return the window's means [B, C, H', W'], one direction after the other."""
    planes = pictures.flatten(0, 1)[:, None]
    down = F.conv2d(planes, window[None, None, :, None])
    across = F.conv2d(down, window[None, None, None, :])
    return across.reshape(*pictures.shape[:2], *across.shape[-2:])
