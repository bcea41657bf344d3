"""Any number of labels out of several, for any kind of input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Target
from tilth.errors import UserError
from tilth.tasks import Array, Metric, Predictions
from tilth.tasks._item_means import mean_of
from tilth.tasks._predicting import Predicting

if TYPE_CHECKING:
    from tilth.tasks._setup import Setup

TARGET = "labels"
PIPELINES = {"images": "image-classification"}
"""Kind of data -> what the hub calls it (https://huggingface.co/docs/hub/models-tasks)."""
_OFFERED = np.linspace(0.02, 0.98, 49)  # thresholds that are tried


class Multilabel(Predicting):
    """A sigmoid for each of the target's labels, said where it reaches ``threshold``.

    The threshold is the one of those tried with the best F-beta on valid: see ``best_threshold``.
    """

    name = "multilabel"
    look = "label_sets"

    def __init__(self, target: Target, *, beta: float = 1.0, threshold: float = 0.5) -> None:
        if not beta > 0:
            raise UserError(f"beta={beta}", rule="beta is above 0; 2 weighs what is missed higher")
        if not 0 < threshold < 1:
            raise UserError(f"threshold={threshold}", rule="a threshold is between 0 and 1")
        self.target, self.outputs = target, len(target.labels)
        self.beta, self.threshold = beta, threshold
        self.main_metric = f"f{beta:g}"
        self.metrics = {
            self.main_metric: Metric(self.main_metric, mean_of(0)),
            "exact": Metric("exact", mean_of(1)),
        }

    @property
    def decision(self) -> dict[str, float]:
        """The threshold, and what it was chosen by."""
        return {"beta": self.beta, "threshold": self.threshold}

    def objective(self) -> Objective:
        """Return binary cross entropy, the mean over the labels of a row."""
        # here, because prediction needs the rest of this file but nothing of training
        from tilth.objectives.supervised import Supervised, binary_cross_entropy

        return Supervised(binary_cross_entropy)

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn logits [N, K] into probabilities and, of each label, whether it is said."""
        probabilities = (outputs.double() / temperature).sigmoid().numpy()
        return Predictions(probabilities, self.chosen(probabilities))

    def chosen(self, values: Array) -> Array:
        """Return, of the probability of each label, whether it is said."""
        return (values >= self.threshold).astype(np.int64)

    def truths(self, targets: Tensor) -> Array:
        """Return 0 or 1 for each label."""
        return targets.double().numpy()

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return each row's binary cross entropy, in nats, the mean over its labels."""
        scaled, wanted = outputs.double() / temperature, targets.double()
        return F.binary_cross_entropy_with_logits(scaled, wanted, reduction="none").mean(dim=1)

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return the loss and every metric on a split, at the threshold that is best on valid."""
        from tilth.tasks._training import outputs

        valid = outputs(setup, "valid")
        found = valid if split == "valid" else outputs(setup, split)
        threshold = self._best(valid.outputs, valid.targets)
        losses = self.row_losses(found.outputs, found.targets)
        scores = self.scores(found.outputs, found.targets, threshold)
        return {"loss": float(losses.mean()), **scores}

    def scores(
        self, outputs: Tensor, targets: Tensor, threshold: float | None = None
    ) -> dict[str, float]:
        """Return every metric; threshold: the one that is best for these rows where None."""
        if threshold is None:
            threshold = self._best(outputs, targets)
        said = self.decode(outputs).values >= threshold
        means = set_scores(said, self.truths(targets), self.beta).mean(axis=0).tolist()
        return dict(zip(self.metrics, means, strict=True))

    def _best(self, outputs: Tensor, targets: Tensor) -> float:
        return best_threshold(self.decode(outputs).values, self.truths(targets), self.beta)


def best_threshold(chances: Array, truths: Array, beta: float) -> float:
    """Return the threshold of those tried with the best F-beta; the middle one of several.

    chances, truths: [N, K]

    >>> best_threshold(np.array([[0.9, 0.4], [0.3, 0.6]]), np.array([[1, 1], [0, 1]]), 1.0)
    0.34
    """
    found = np.array([set_scores(chances >= one, truths, beta)[:, 0].mean() for one in _OFFERED])
    best = np.flatnonzero(found == found.max())
    return round(float(_OFFERED[best[(len(best) - 1) // 2]]), 2)


def set_scores(said: NDArray[Any], truths: Array, beta: float) -> Array:
    """Return [N, 2]: F-beta (van Rijsbergen 1979) of each row's labels, and whether all are right.

    said, truths: [N, K], 0 or 1. F-beta is 1 where nothing is true and nothing said.

    >>> set_scores(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]), beta=1.0).round(2).tolist()
    [[0.67, 0.0]]
    """
    said, true = said.astype(np.float64), truths.astype(np.float64)
    right, weight = (said * true).sum(axis=1), beta**2
    most = weight * true.sum(axis=1) + said.sum(axis=1)
    each = np.divide((1 + weight) * right, most, out=np.ones_like(most), where=most > 0)
    return np.stack([each, (said == true).all(axis=1)], axis=1)


def multilabel(*, target: Target, beta: float = 1.0, threshold: float = 0.5) -> Multilabel:
    """Return the task of saying which of the target's labels are there.

    beta: of the F-score that judges: how many times more what is missed weighs than what is said
    wrongly; threshold: the probability from which a label is said, before one is chosen on valid
    Raises UserError for values outside their range.

    >>> multilabel(target=Target("signs", "labels", ("red", "round")), beta=2).main_metric
    'f2'
    """
    return Multilabel(target, beta=beta, threshold=threshold)
