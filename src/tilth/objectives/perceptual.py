"""Losses that compare what a trained net sees in two pictures, and not only their pixels.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution" (https://arxiv.org/abs/1603.08155), equations 2 to 4; Gatys, Ecker and Bethge
2016, "Image Style Transfer Using Convolutional Neural Networks", section 2. Departures: all
distances are means over elements, so that weights do not depend on the size of the picture; Gram
matrices are divided by C H W (Johnson et al.), and style is compared in every tap.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, State, Term
from tilth.errors import UserError, choose
from tilth.nn.feature_net import FeatureNet, gram
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


class FeatureLoss(BaseObjective):
    """Minimise distances of pixels and of features between ``model(inputs)`` and ``targets``.

    For super-resolution, restoring, colouring: ``batch.targets`` are the pictures wanted,
    [B, C, H, W] as the feature net takes them.

    features: what sees the pictures; part of neither model nor state, so give the same again to
    go on with a run
    pixels, weights: of the pixels' distance and of each tap's (20, 70, 10 are fastai's for the
    last three poolings of VGG-16)
    style: of each tap's distance of Gram matrices; 0 leaves them out
    how: "absolute" or "squared"
    Raises UserError for another name or number of weights.

    >>> net = FeatureNet(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)))
    >>> same = torch.rand(2, 1, 8, 8)
    >>> loss = FeatureLoss(net)(nn.Identity(), Batch(same, same, torch.arange(2)), None)
    >>> {name: float(term.total) for name, term in loss.parts.items()}
    {'pixels': 0.0, 'features': 0.0}
    """

    def __init__(
        self,
        features: FeatureNet,
        *,
        pixels: float = 1.0,
        weights: Sequence[float] | None = None,
        style: float = 0.0,
        how: str = "absolute",
        moves: str = "model",
    ) -> None:
        choose(how, DISTANCES, "distance")
        self.features, self.how, self.moves = features, how, moves
        self.weights = weights_of(features, weights, "weights")
        self.pixels, self.style = pixels, style

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the distances, each summed over the rows."""
        found, wanted, count = model(batch.inputs), batch.targets, len(batch.rows)
        seen = placed(self.features, found)(found)
        with torch.no_grad():
            truth = self.features(wanted)
        pixels = distance(found, wanted, self.how).sum()
        parts = {
            "pixels": Term(pixels, count, weight=self.pixels),
            "features": Term(self._compare(seen, truth, self.weights), count),
        }
        if self.style > 0:
            styles = [[gram(at_least_float32(one)) for one in side] for side in (seen, truth)]
            # squared weights, as in fastai: a Gram matrix is of the second order
            squares = [weight**2 for weight in self.weights]
            style = self._compare(styles[0], styles[1], squares)
            parts["style"] = Term(style, count, weight=self.style)
        return Loss(parts)

    def _compare(self, seen: list[Tensor], truth: list[Tensor], weights: list[float]) -> Tensor:
        return compare(seen, truth, weights, self.how)


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
