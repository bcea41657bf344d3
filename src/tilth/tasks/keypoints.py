"""Where points are in a picture: one place for each of the target's names."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Target
from tilth.tasks import Array, Metric, Predictions
from tilth.tasks._item_means import mean_of
from tilth.tasks._predicting import Predicting

TARGET = "points"
PIPELINES = {"images": "keypoint-detection"}
"""Kind of data -> what the hub calls it (https://huggingface.co/docs/hub/models-tasks)."""
CLOSE = 0.1  # of the size of the thing: what counts as found
FLATTEST = 0.25  # shorter side over longer side of a box, from where on its area is its size


class Keypoints(Predicting):
    """Two numbers for each point: its place, from -1 (left, top) to 1 (right, bottom)."""

    name = "keypoints"
    look = "points"
    main_metric = "nme"

    def __init__(self, target: Target) -> None:
        self.target, self.outputs = target, 2 * len(target.labels)
        self.metrics = {
            "nme": Metric("nme", mean_of(0), "min"),
            "found": Metric("found", mean_of(1)),
        }

    def objective(self) -> Objective:
        """Return the mean distance along x and y over the points that are there."""
        # here, because prediction needs the rest of this file but nothing of training
        from tilth.objectives.supervised import Supervised, point_distance

        return Supervised(point_distance)

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn outputs [N, 2 P] into places [N, P, 2] from -1 to 1."""
        places = outputs.double().reshape(len(outputs), -1, 2).numpy()
        return Predictions(places, places)

    def truths(self, targets: Tensor) -> Array:
        """Return the places as they are."""
        return targets.double().numpy()

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return each row's mean distance along x and y."""
        from tilth.objectives.supervised import point_distance

        return point_distance(outputs.double(), targets.double())

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Return every metric of places said and true."""
        places, truths = self.decode(outputs).values, self.truths(targets)
        means = place_scores(places, truths, self.target.scale).mean(axis=0).tolist()
        return dict(zip(self.metrics, means, strict=True))


def place_scores(places: Array, truths: Array, aspect: float) -> Array:
    """Return [N, 2]: the normalised mean error of each row, and the share of points found.

    places, truths: [N, P, 2] from -1 to 1, NaN where a point is not there, any in each row;
    aspect: width over height of the pictures
    The error is the mean distance over the size of the thing: the root of the area of the box
    round its true points (Bulat and Tzimiropoulos 2017, section 3.2), of the picture where they
    are one place. Found is a point within CLOSE of that. Departure: the shorter side of the box
    counts as FLATTEST of the longer one at the least, or points in a row would be of no size, and
    their rows would outweigh all others; the bound is a choice, which boxes of faces are within.

    >>> true = np.array([[[-1.0, -1.0], [1.0, 1.0]]])
    >>> place_scores(true + [0.0, 0.1], true, aspect=1.0).round(3).tolist()
    [[0.05, 1.0]]
    """
    size = np.array([aspect, 1.0])
    there = np.isfinite(truths[..., 0] + truths[..., 1])
    gaps = np.linalg.norm((places - np.nan_to_num(truths)) * size / 2, axis=2)
    low = np.where(there[..., None], truths, np.inf).min(axis=1)
    high = np.where(there[..., None], truths, -np.inf).max(axis=1)
    sides = (high - low) * size / 2
    area = np.maximum(sides, FLATTEST * sides.max(axis=1, keepdims=True)).prod(axis=1)
    scale = np.sqrt(np.where(area > 0, area, size.prod()))
    count = there.sum(axis=1)
    error = (gaps * there).sum(axis=1) / count / scale
    found = ((gaps <= CLOSE * scale[:, None]) & there).sum(axis=1) / count
    return np.stack([error, found], axis=1)


def keypoints(*, target: Target) -> Keypoints:
    """Return the task of finding the target's points in pictures.

    >>> keypoints(target=Target("points", "points", ("nose", "chin"))).outputs
    4
    """
    return Keypoints(target)
