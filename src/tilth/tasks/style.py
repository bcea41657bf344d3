"""Any picture in the style of one, in a single pass of a net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.data.dataset import Data, as_rows
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_set import ImageData
from tilth.data.picture_size import in_own_size
from tilth.data.usual import Usual
from tilth.errors import UserError
from tilth.nn.modes import modes_kept
from tilth.objectives.style import StyleTransfer
from tilth.tasks import Array, Metric
from tilth.tasks._feature_net import feature_net
from tilth.tasks._item_means import ItemMeans, mean_of
from tilth.tasks._reconstructing import batches, refuse_own_loss, tried
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import player, rows_of_train
from tilth.tasks.restore import restored


class StyleTask(ItemMeans):
    """The content of each picture, and the style of one, as a net sees them."""

    name = "style"
    answers, look = "pictures", "stylings"
    main_metric = "style_loss"

    def __init__(
        self, picture: str, features: str | None, style_weight: float, smoothness: float
    ) -> None:
        for name, weight in (("style_weight", style_weight), ("smoothness", smoothness)):
            if not weight >= 0:
                raise UserError(f"{name}={weight}", rule="weights of losses are 0 or more")
        self.picture, self.features = picture, features
        self.style_weight, self.smoothness = style_weight, smoothness
        self.metrics: Mapping[str, Metric] = {
            "style_loss": Metric("style_loss", mean_of(0), "min"),
            "content_distance": Metric("content_distance", mean_of(1), "min"),
            "style_distance": Metric("style_distance", mean_of(2), "min"),
        }

    def adapt(self, data: Data) -> Data:
        """Return the pictures with inputs in [0, 1]; raise UserError for what is none."""
        if not isinstance(data, ImageData):
            raise UserError(f"{self.name} of {data.name}", rule="what is given a style is pictures")
        self.painting(data.preprocessor.channels)
        return data.in_range(0.0, 1.0)

    def painting(self, channels: int) -> Tensor:
        """Return the picture whose style is given, [1, C, H, W] in [0, 1], in its own size."""
        plain = ImagePreprocessor(8, 8, channels, (0.0,) * channels, (255.0,) * channels)
        return in_own_size(self.picture, plain)

    def usual(self, data: Data) -> Usual:
        """Return the defaults: Adam at the rate of the paper, batches larger than its four."""
        return Usual(
            model="style_net",
            lr=1e-3,
            weight_decay=0.0,
            batch_size=16,
            epochs=(2, 10),
            label_smoothing=0.0,
            baseline_rows=10_000,
            unchecked="",
            augment=False,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the channels."""
        return {"channels": as_rows(data).model_arguments()["channels"]}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many training rows, where nothing was given."""
        return sizes_of_rows(self.usual(data), len(data.splits["train"]), batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Try the model on two rows of train; raise UserError where it gives another shape."""
        refuse_own_loss(self.name, setup)
        inputs = next(batches(setup, "train", rows=2))
        model = setup.model.to(setup.device)
        with modes_kept(model), torch.no_grad():
            found = tried(model.eval(), inputs)
        if found.shape != inputs.shape:
            raise UserError(
                f"the model gives {list(found.shape)} for pictures {list(inputs.shape)}",
                rule="it gives them back in their own shape",
            )

    def objective(self, setup: Setup) -> StyleTransfer:
        """Return what is minimised."""
        channels = self.model_arguments(setup.data)["channels"]
        return StyleTransfer(
            feature_net(setup, self.features),
            self.painting(channels).to(setup.device),
            style=self.style_weight,
            variation=self.smoothness,
        )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player on shuffled batches of train."""
        return TrainingParts(
            [self.objective(setup)], rows_of_train(setup), {"model": player(setup)}
        )

    def values(self, setup: Setup, split: str) -> Array:
        """Return [pictures, 3]: the weighted sum, and the distances in content and in style."""
        objective = self.objective(setup)
        found = [
            distances(objective, restored(setup.model, inputs), inputs)
            for inputs in batches(setup, split)
        ]
        return np.concatenate(found)


def distances(objective: StyleTransfer, found: Tensor, inputs: Tensor) -> Array:
    """Return [B, 3]: the weighted sum, and the distances in content and in style."""
    with torch.no_grad():
        content, style = objective.distances(found, inputs)
    whole = objective.content * content + objective.style * style
    return np.asarray(torch.stack([whole, content, style], dim=1).double().cpu().numpy())


def style(
    *,
    picture: str,
    features: str | None = None,
    style_weight: float = 1e3,
    smoothness: float = 0.0,
) -> StyleTask:
    """Return the task of giving pictures the style of one.

    picture: its path; features: the bundle of the net that sees content and style, None for a
    small VGG that is trained on the labels
    style_weight: beside 1 for the content; smoothness: of the differences of neighbouring pixels

    >>> style(picture="wave.jpg").main_metric
    'style_loss'
    """
    return StyleTask(picture, features, style_weight, smoothness)
