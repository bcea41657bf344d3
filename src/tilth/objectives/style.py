"""Style transfer: the content of one picture in the style of another.

Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks", equations
1 to 7, when the model is a ``Picture``; Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for
Real-Time Style Transfer and Super-Resolution", equation 5, when it is a net that transfers any
picture in one pass. Departures: means and not sums (see ``perceptual``), and steps of any
first-order optimizer in place of L-BFGS, whose line search asks for the loss several times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, State, Term
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet, gram
from tilth.nn.features import HASHED, fingerprint
from tilth.nn.precision import at_least_float32
from tilth.objectives.perceptual import apart, check_same, placed, total_variation, weights_of


class StyleTransfer(BaseObjective):
    """Minimise the distance in content from ``inputs`` and in style from one picture.

    The batch's inputs are the pictures whose content is kept, [B, C, H, W]; ``model(inputs)`` is
    what they become: a ``Picture`` (a batch of one row then) or a net.

    features: what sees the pictures; part of neither model nor state, whose hash is
    style_picture: [1, C, H, W], of any size
    content, style, variation: weights of the three terms
    content_weights, style_weights: of each tap (the last alone for content where None, all alike
    for style)
    Raises UserError for several style pictures, or another number of weights than taps.

    >>> from tilth.nn.picture import Picture
    >>> net = FeatureNet(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)))
    >>> photo, painting = torch.rand(2, 1, 1, 8, 8)
    >>> objective = StyleTransfer(net, painting)
    >>> parts = objective(Picture(photo), Batch(photo, torch.zeros(1), torch.arange(1)), None).parts
    >>> float(parts["content"].total.detach()), bool(parts["style"].total > 0)
    (0.0, True)
    """

    def __init__(
        self,
        features: FeatureNet,
        style_picture: Tensor,
        *,
        content: float = 1.0,
        style: float = 1e3,
        variation: float = 0.0,
        content_weights: Sequence[float] | None = None,
        style_weights: Sequence[float] | None = None,
        moves: str = "model",
    ) -> None:
        if style_picture.dim() != 4 or len(style_picture) != 1:
            raise UserError(
                f"a style picture of shape {tuple(style_picture.shape)}",
                rule="one picture, [1, channels, height, width]",
            )
        last = [0.0] * (len(features.taps) - 1) + [1.0]
        self.content_weights = weights_of(features, content_weights or last, "content_weights")
        self.style_weights = weights_of(features, style_weights, "style_weights")
        self.content, self.style, self.variation = content, style, variation
        self.features, self.moves = features, moves
        with torch.no_grad():
            seen = placed(features, style_picture)(style_picture)
            self.picture = style_picture.cpu()
            self.styles = [gram(at_least_float32(one)) for one in seen]

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the terms, each summed over the rows."""
        found, count = model(batch.inputs), len(batch.rows)
        content, style = self.distances(found, batch.inputs)
        parts = {
            "content": Term(content.sum(), count, weight=self.content),
            "style": Term(style.sum(), count, weight=self.style),
        }
        if self.variation > 0:
            smooth = total_variation(found).sum()
            parts["variation"] = Term(smooth, count, weight=self.variation)
        return Loss(parts)

    def state_dict(self) -> State:
        """Return the hashes of the feature net and of the picture that a run began with."""
        pixels = self.picture.contiguous().numpy().tobytes()
        return {
            "features": fingerprint(self.features),
            "style picture": hashlib.sha256(pixels).hexdigest()[:HASHED],
        }

    def load_state_dict(self, state: State) -> None:
        """Compare the hashes with those here; raise UserError for another net or picture."""
        check_same(state, self.state_dict())

    def distances(self, found: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's distance in content from ``inputs`` and in style, [B] and [B]."""
        seen = placed(self.features, found)(found)
        with torch.no_grad():
            truth = self.features(inputs)
        content = apart(seen, truth, self.content_weights, "squared")
        grams = [gram(at_least_float32(one)) for one in seen]
        wanted = [one.to(found.device).expand(len(found), -1, -1) for one in self.styles]
        return content, apart(grams, wanted, self.style_weights, "squared")
