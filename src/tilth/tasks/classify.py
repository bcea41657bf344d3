"""One class out of several, for any kind of input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Data, Target
from tilth.tasks import Array, Predictions
from tilth.tasks._metrics import BINARY_METRICS, CLASS_METRICS, with_own
from tilth.tasks._predicting import Predicting

if TYPE_CHECKING:
    from tilth.tasks._setup import Setup, TrainingParts

TARGET = "classes"
PIPELINES = {"images": "image-classification", "table": "tabular-classification"}
"""Kind of data -> what the hub calls it (https://huggingface.co/docs/hub/models-tasks)."""
WAYS = ("adversarial",)
RARE = 0.3  # with two classes of which one is rarer, always the other is right too often


class Classify(Predicting):
    """Softmax over the target's labels.

    ``main_metric`` is the first metric asked for; otherwise accuracy, or the area under the ROC
    curve for two classes of which one makes up less than RARE of ``shares``.

    adversarial: largest change of a pixel (white is 1) that training holds against (Madry et al.
    2018); 0 trains on the pictures as they are
    """

    name = "classify"

    def __init__(
        self,
        target: Target,
        *,
        metrics: Sequence[Any] = (),
        label_smoothing: float = 0.0,
        shares: Sequence[float] = (),
        adversarial: float = 0.0,
    ) -> None:
        self.target, self.outputs = target, len(target.labels)
        self.adversarial = adversarial
        self.label_smoothing = label_smoothing
        offered = BINARY_METRICS if self.outputs == 2 else CLASS_METRICS
        self.metrics, first = with_own(offered, metrics)
        rare = self.outputs == 2 and len(shares) == 2 and min(shares) < RARE
        self.main_metric = first or ("auc" if rare else "accuracy")

    def objective(self) -> Objective:
        """Return cross entropy over the batch."""
        # here, because prediction needs the rest of this file but nothing of training
        from tilth.objectives.supervised import CrossEntropy, Supervised

        return Supervised(CrossEntropy(self.label_smoothing))

    def adapt(self, data: Data) -> Data:
        """Return the data as it is; raise UserError where no attack can be made on it."""
        if self.adversarial:
            from tilth.tasks._hardening import check_hardening

            check_hardening(self.adversarial, data)
        return super().adapt(data)

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player, the objective hardened where asked for."""
        found = super().parts(setup)
        if not self.adversarial:
            return found
        from tilth.tasks._hardening import hardened

        return hardened(found, setup, self.adversarial)

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn logits [N, K] into probabilities softmax(logits / temperature) and class ids."""
        probabilities = F.softmax(outputs.double() / temperature, dim=1).numpy()
        return Predictions(probabilities, probabilities.argmax(axis=1))

    def truths(self, targets: Tensor) -> Array:
        """Return the class ids as they are."""
        return targets.numpy()

    def row_losses(self, outputs: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """Return each row's negative log-probability of its class, in nats."""
        scaled = outputs.double() / temperature
        return F.cross_entropy(scaled, targets.to(torch.int64), reduction="none")


def classify(
    *,
    target: Target,
    metrics: Sequence[Any] = (),
    label_smoothing: float = 0.0,
    shares: Sequence[float] = (),
    adversarial: float = 0.0,
) -> Classify:
    """Return the task of telling the target's labels apart; shares: of each class in train.

    adversarial: largest change of a pixel that it is trained against; see ``Classify``

    >>> classify(target=Target("kind", "classes", ("cat", "dog"))).outputs
    2
    """
    return Classify(
        target,
        metrics=metrics,
        label_smoothing=label_smoothing,
        shares=shares,
        adversarial=adversarial,
    )
