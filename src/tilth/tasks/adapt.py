"""Classes of a target whose labels are not learned from, out of a labelled source.

Valid chooses among weights by the labels of the *source* alone, as a user without labels must.
Unsupervised scores of the target's answers (entropy, spread) are no safer: aligning can map one
class on another with full confidence. Test judges by the target's labels, which nothing else
sees; where there are none, test is the source's and nothing is said of the target.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.data.dataset import Data, IntArray, Target
from tilth.data.domains import Domains, as_domains
from tilth.data.usual import Usual
from tilth.errors import UserError, choose
from tilth.nn.begin_anew import check_begins_anew
from tilth.nn.modes import modes_kept
from tilth.objectives.domain_adversarial import DomainAdversarial, features_by_label
from tilth.randomness import fold
from tilth.tasks import Array, Metric, Predictions
from tilth.tasks._check_outputs import check_outputs
from tilth.tasks._domains import BOTH, Side, inputs, paired, rows_of, set_of, spaced
from tilth.tasks._item_means import ItemMeans, mean_of
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._reconstructing import refuse_own_loss
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import steady_player
from tilth.tasks.classify import Classify
from tilth.train.evaluate import Outputs, evaluate, in_parts

WAYS = ("method", "peak")
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""
PEAKS = {"dann": 1.0, "cdan": 0.1}
"""Method -> its last lambda, as measured on digits: docs/log.md."""
NEEDED = ("body", "head", "critic")
LEAST_JUDGED = 4
MOST_TOLD_APART = 1000  # pictures of each set that the critic is asked about


class Adapt(ItemMeans):
    """Learns the source's labels with features that do not tell the target from the source."""

    name, answers, look = "adapt", "predictions", "adaptation"
    metrics: Mapping[str, Metric]
    main_metric = "accuracy"

    def __init__(self, target: Target, method: str, peak: float | None) -> None:
        choose(method, PEAKS, "method")
        peak = PEAKS[method] if peak is None else peak
        if not (0 < peak < math.inf):
            raise UserError(f"peak={peak}", rule="it is the last strength of the reversal, above 0")
        self.target, self.outputs = target, len(target.labels)
        self.method, self.peak = method, peak
        self.metrics = {
            "accuracy": Metric("accuracy", mean_of(0)),
            "log_loss": Metric("log_loss", mean_of(1), "min"),
        }

    @property
    def condition(self) -> bool:
        """Whether the critic sees features times predicted labels."""
        return self.method == "cdan"

    def decode(self, outputs: Tensor, temperature: float = 1.0) -> Predictions:
        """Turn logits [N, K] into probabilities and class ids."""
        return Classify(self.target).decode(outputs, temperature)

    def adapt(self, data: Data) -> Domains:
        """Return both sets with inputs in [-1, 1], one numbering of labels, and who judges.

        Raises UserError for a source without labels and for labels that it lacks.
        """
        given = as_domains(data, self.name)
        if given.source.target.kind != "classes" or len(given.source.target.labels) < 2:
            raise UserError(
                f"the source {given.source.name} has no classes to learn",
                rule="classes are learned from the source's labels",
                fix="sort its pictures into class folders, or name the labelled set first; "
                "task='translate' needs no labels",
            )
        found = given.with_common_labels().with_calibrate_in_train().in_range(-1.0, 1.0)
        source, onto = found.sides("test")
        nobody = np.zeros(0, np.int64)
        test = (nobody, onto) if found.labelled else (source, nobody)
        count = min(len(rows) for rows in found.sides("valid"))
        if count < LEAST_JUDGED:
            raise UserError(
                f"{count} pictures in valid of one set of {found.name}",
                rule=f"{LEAST_JUDGED} at least of each set are needed to tell the sets apart by",
                fix="give more pictures, or other fractions",
            )
        told = "valid is judged by the labels of the source alone; "
        if found.labelled:
            told += "the labels of the target judge on test, and nothing else sees them"
        else:
            told += "the target has no labels, so test is the source's: nothing here says how good "
            told += "the answers for the target are"
        return dataclasses.replace(
            found,
            splits={**found.splits, "test": found.joined(*test)},
            notes=[told, *found.notes],
        )

    def usual(self, data: Data) -> Usual:
        """Return the defaults; no clip, as in the paper."""
        return Usual(
            model="domain_net",
            lr=2e-3,
            weight_decay=0.01,
            batch_size=64,
            epochs=(2, 40),
            label_smoothing=0.0,
            baseline_rows=10_000,
            unchecked=Domains.usual.unchecked,
            clip=0.0,
            measured=False,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the shape of a picture, how many labels there are, and what the critic sees."""
        known = {"labels": self.outputs, "conditional": self.condition}
        return {**data.model_arguments(), **known}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for the larger of the two train splits."""
        rows = max(len(side) for side in as_domains(data).sides("train"))
        return sizes_of_rows(self.usual(data), rows, batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Raise UserError for a model without the parts needed, or of other outputs."""
        refuse_own_loss(self.name, setup)
        model: Any = setup.model
        parts = [name for name in NEEDED if not isinstance(getattr(model, name, None), nn.Module)]
        if parts:
            raise UserError(
                f"{type(model).__name__} for {self.name}",
                rule="the model has a body, a head for the labels and a critic for the domain",
                fix=f"give it {' and '.join(parts)}, or leave the model out",
            )
        check_begins_anew(model, "on the source alone")
        data = as_domains(setup.data)
        two = rows_of(data, "source", "train")[:2]
        seen = torch.cat(list(inputs(setup, "source", two)))
        batch = Batch(seen, data.source.targets[torch.from_numpy(two)], torch.from_numpy(two))
        task: Any = self
        check_outputs(model, batch, task, setup.device, seed=fold(setup.plan.seed, "model"))
        with modes_kept(model), torch.no_grad():
            model.eval()
            guesses = self.domain_logits(model, seen)
        if guesses.shape != (len(two), 1):
            raise UserError(
                f"the critic gives {list(guesses.shape)} for {len(two)} pictures",
                rule="it gives one number a picture: the logit of being from the target",
            )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return labels learned against the domain's critic, all moved by one player."""
        return self._parts(setup, "source", self.peak)

    def bound(self, setup: Setup, side: Side) -> TrainingParts:
        """Return the same without adapting: the labels of one set learned, and nothing else."""
        return self._parts(setup, side, 0.0)

    def _parts(self, setup: Setup, side: Side, peak: float) -> TrainingParts:
        objective = DomainAdversarial(peak=peak, condition=self.condition)
        players = {"model": steady_player(setup.model, setup)}
        return TrainingParts([objective], paired(setup, labels_of=side), players)

    def domain_logits(self, model: Any, seen: Tensor) -> Tensor:
        """Return the critic's logits [B, 1] of "from the target"."""
        features = model.body(seen)
        if self.condition:
            features = features_by_label(features, model.head(features))
        guesses: Tensor = model.critic(features)
        return guesses

    def judges(self, data: Domains, split: str) -> tuple[Side, IntArray]:
        """Return the set and the rows by whose labels a split is judged."""
        source, onto = data.sides(split)
        return ("target", onto) if split == "test" and data.labelled else ("source", source)

    def said(self, setup: Setup, side: Side, rows: IntArray) -> Outputs:
        """Return the model's logits of rows of one set."""
        one = set_of(as_domains(setup.data), side)
        batches = judged_rows(one, rows, setup)
        return evaluate(setup.model, batches, numerics=setup.plan.numerics, device=setup.device)

    def row_values(self, setup: Setup, side: Side, rows: IntArray) -> Array:
        """Return [rows, 2]: whether each answer is right, and its loss in nats."""
        found = self.said(setup, side, rows)
        logits = found.outputs.double()
        right = (logits.argmax(1) == found.targets).double()
        losses = F.cross_entropy(logits, found.targets, reduction="none")
        return np.asarray(torch.stack([right, losses], dim=1).numpy())

    def values(self, setup: Setup, split: str) -> Array:
        """Return [rows, 2] of those who judge a split."""
        return self.row_values(setup, *self.judges(as_domains(setup.data), split))

    def told_apart(self, setup: Setup, split: str) -> Array:
        """Return [pictures] 1 where the critic knows the set of a picture, as many of each."""
        data, found = as_domains(setup.data), []
        sides = [spaced(rows, MOST_TOLD_APART) for rows in data.sides(split)]
        count = min(len(rows) for rows in sides)
        with modes_kept(setup.model), torch.no_grad():
            setup.model.eval()
            for side, rows in zip(BOTH, sides, strict=True):
                pieces = inputs(setup, side, spaced(rows, count))
                told = functools.partial(self.domain_logits, setup.model)
                logits = [in_parts(told, seen).cpu() for seen in pieces]
                found.append((torch.cat(logits)[:, 0] > 0) == (side == "target"))
        return np.asarray(torch.cat(found).double().numpy())

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return every metric by the labels that judge a split, and how the critic does."""
        found = super().measure(setup, split)
        if split == "valid":
            found["critic_accuracy"] = float(self.told_apart(setup, split).mean())
        return found


def adapt(*, target: Target, method: str = "cdan", peak: float | None = None) -> Adapt:
    """Return the task of adapting to a second domain.

    method: "cdan" (Long et al. 2018), whose critic sees features by predicted label, or "dann"
    (Ganin et al. 2016), where it sees features alone; peak: the last lambda of the reversal, 0.1
    or 1 where it is not given (both papers raise it to 1). Method and lambda were chosen on digits
    (MNIST to USPS), judged on rows that are in no published test set (docs/log.md); other domains
    may prefer others.

    >>> adapt(target=Target("digit", "classes", ("0", "1"))).outputs
    2
    """
    return Adapt(target, method, peak)
