"""Distances between what a trained net sees in two pictures, and not only their pixels.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution" (https://arxiv.org/abs/1603.08155), equations 2 to 4; Gatys, Ecker and Bethge
2016, "Image Style Transfer Using Convolutional Neural Networks", section 2. Departures: all
distances are means over elements, so that weights do not depend on the size of the picture; Gram
matrices are divided by C H W (Johnson et al.), and style is compared in every tap.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tilth.contracts import State
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet
from tilth.nn.precision import at_least_float32

DISTANCES = ("absolute", "squared")


def distance(found: Tensor, wanted: Tensor, how: str) -> Tensor:
    """Return each row's mean absolute or mean squared difference, [B].

    >>> distance(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), "squared").tolist()
    [5.0]
    """
    difference = at_least_float32(found) - at_least_float32(wanted)
    size = difference.abs() if how == "absolute" else difference.square()
    return size.flatten(1).mean(dim=1)


def total_variation(pictures: Tensor) -> Tensor:
    """Return each row's mean absolute difference of neighbours, down plus across, [B].

    The anisotropic total variation (Rudin, Osher and Fatemi 1992), per pair of neighbours.

    >>> steps = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    >>> total_variation(steps).tolist()  # (0 + 2) / 2 + (1 + 3) / 2
    [3.0]
    """
    pictures = at_least_float32(pictures)
    down = (pictures[:, :, 1:] - pictures[:, :, :-1]).abs().flatten(1).mean(dim=1)
    across = (pictures[:, :, :, 1:] - pictures[:, :, :, :-1]).abs().flatten(1).mean(dim=1)
    return down + across


def weights_of(taps: FeatureNet, weights: Sequence[float] | None, name: str) -> list[float]:
    """Return one weight per tap: those given, or 1 each. Raises UserError for another number."""
    found = [1.0] * len(taps.taps) if weights is None else [float(one) for one in weights]
    if len(found) != len(taps.taps) or any(one < 0 for one in found):
        raise UserError(
            f"{name}={weights} for {len(taps.taps)} taps", rule="one weight of 0 or more per tap"
        )
    return found


def apart(seen: list[Tensor], truth: list[Tensor], weights: list[float], how: str) -> Tensor:
    """Return each row's weighted sum of the taps' distances, [B]."""
    taps = zip(seen, truth, weights, strict=True)
    return torch.stack([w * distance(a, b, how) for a, b, w in taps if w > 0]).sum(dim=0)


def compare(seen: list[Tensor], truth: list[Tensor], weights: list[float], how: str) -> Tensor:
    """Return the weighted sum of the taps' distances, summed over the rows."""
    return apart(seen, truth, weights, how).sum()


def check_same(kept: State, here: State) -> None:
    """Raise UserError where what a loss looks with or at is not what a run began with.

    >>> check_same({"features": "a1"}, {"features": "a1"})
    """
    for name, value in here.items():
        if kept.get(name) != value:
            raise UserError(
                f"{name} {value}, for a run that began with {kept.get(name)}",
                rule="a run goes on with the losses that it began with",
                fix="give the bundle and the picture that it was given",
            )


def placed(features: FeatureNet, pictures: Tensor) -> FeatureNet:
    """Return the feature net on the pictures' device, where the loop has put only the model."""
    return features.to(pictures.device)
