"""Making up rows like those of train: a generator and a critic against each other."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import Objective
from tilth.data.array_table import ArrayTable
from tilth.data.dataset import Data, Target, as_rows
from tilth.data.image_set import ImageData
from tilth.data.noise import WithNoise
from tilth.data.usual import Usual
from tilth.errors import UserError
from tilth.nn.generator_critic import latent_of, latents_for, sampled
from tilth.nn.modes import modes_kept
from tilth.objectives.adversarial import GeneratorObjective
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._item_means import mean_of
from tilth.tasks._judges import Judge, inputs_of, judge_of, some_rows
from tilth.tasks._players import adapted, check_players, playing
from tilth.tasks._reconstructing import refuse_own_loss
from tilth.tasks._rules import Rules
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import rows_of_train, steady_player
from tilth.train.sample_record import SampleRecord

WAYS = (
    "loss",
    "critic_steps",
    "gradient_penalty",
    "r1",
    "r1_every",
    "weight_clip",
    "average_decay",
)
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""
MOST_JUDGED = 2000  # rows at a look at valid
POINTS_SHOWN, SIDE, MOST_COLUMNS = 500, 8, 10


class Generate:
    """Rows made from noise, judged by how far they are from real ones."""

    name = "generate"
    answers, look = "samples", "samples"
    main_metric = "kernel_distance"

    def __init__(self, target: Target, rules: Rules) -> None:
        self.rules = rules
        metrics = {"kernel_distance": Metric("kernel_distance", mean_of(0), "min")}
        if rules.conditional:
            if target.kind != "classes":
                raise UserError(
                    f"conditional=True for a target of the kind {target.kind!r}",
                    rule="rows are made for a label where the data has labels",
                    fix='leave conditional out, or read the target as classes (task="classify")',
                )
            metrics["label_agreement"] = Metric("label_agreement", mean_of(1))
        self.metrics: Mapping[str, Metric] = metrics
        self._judge: Judge | None = None
        self.record: SampleRecord | None = None  # of the phase that was set up last

    def adapt(self, data: Data) -> Data:
        """Return pictures with inputs in [-1, 1], and arrays as plain rows; refuse all others."""
        return adapted(data)

    def usual(self, data: Data) -> Usual:
        """Return the defaults: those measured for pictures or for points."""
        numbers = playing(data)
        return Usual(
            model=numbers.model,
            lr=numbers.lr,
            weight_decay=0.0,
            batch_size=numbers.batch_size,
            epochs=(1, 1),
            label_smoothing=0.0,
            baseline_rows=2000,
            unchecked="Use: whether what it makes serves the purpose that it is made for.",
            schedule=numbers.schedule,
            clip=0.0,
            augment=False,
            range_test=False,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the shape of a row, how many labels there are, and the usual sizes."""
        rows, known = as_rows(data), dict(playing(data).known)
        known["classes"] = len(rows.target.labels) if self.rules.conditional else 0
        if isinstance(rows, ArrayTable):
            return {"features": rows.preprocessor.width, **known}
        return {**rows.model_arguments(), **known}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return as many epochs as make up the usual number of steps, where none were given."""
        rows, steps = len(data.splits["train"]), playing(data).steps
        found = sizes_of_rows(self.usual(data), rows, batch_size, epochs or 1)
        if epochs is not None:
            return found
        reasons = {**found.reasons, "epochs": f"about {steps:,} steps in all"}
        epochs = max(1, round(steps / found.steps_per_epoch))
        return Sizes(found.batch_size, found.steps_per_epoch, epochs, reasons)

    def check(self, setup: Setup) -> None:
        """Raise UserError for a model that does not fit, before anything is trained."""
        refuse_own_loss(self.name, setup)
        penalty = self.rules.gradient_penalty or self.rules.slope_weight(playing(setup.data).r1)
        check_players(setup.model, penalised=penalty > 0)
        rows = as_rows(setup.data)
        mixed = isinstance(rows, ImageData) and rows.augment and rows.augment.mixes
        if mixed and setup.plan.augment and self.rules.conditional:
            raise UserError(
                "mixup or cutmix where pictures are made for a label",
                rule="a picture of two classes is no example of either",
                fix="leave mixup and cutmix at 0",
            )
        two = rows.splits["train"][:2]
        real, labels = inputs_of(rows, two), rows.targets[torch.from_numpy(two)]
        made = self.made(setup, setup.model.to(setup.device), labels, seed=0)
        if made.shape != real.shape:
            raise UserError(
                f"the generator makes {list(made.shape)} where rows are {list(real.shape)}",
                rule="what is made has the shape of the rows",
            )
        with modes_kept(setup.model), torch.no_grad():
            critic: Any = setup.model.eval().get_submodule("critic")
            scores = critic(real.to(setup.device), *self.told(labels, setup))
        if len(scores) != len(real):
            raise UserError(
                f"the critic gives {list(scores.shape)} for 2 rows", rule="each row has its score"
            )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return critic and generator as players, and what is judged: the averaged generator."""
        refuse_own_loss(self.name, setup)
        rules, numbers = self.rules, playing(setup.data)
        generator, critic = rules.generator(), rules.critic(numbers.r1)
        # where weights are bounded after a step, the generator comes first to meet them so
        objectives: list[Objective] = [critic, generator]
        seed = fold(setup.plan.seed, "phase", setup.phase)
        source = WithNoise(rows_of_train(setup), rules.noise(latent_of(setup.model)), seed=seed)
        self.record = self._record(setup, generator)

        def judged(model: nn.Module) -> nn.Module:
            pair = copy.deepcopy(model)
            pair.generator = generator.averaged(model)
            return pair

        return TrainingParts(
            objectives[::-1] if rules.weight_clip else objectives,
            source,
            {
                name: steady_player(setup.model.get_submodule(name), setup, numbers.betas)
                for name in ("critic", "generator")
            },
            hooks=[self.record],
            judged=judged,
        )

    def _record(self, setup: Setup, generator: GeneratorObjective) -> SampleRecord:
        """Return what keeps samples of the same latents as training goes on."""
        columns = self.columns(setup.data)
        count = SIDE * columns if setup.data.kind == "images" else POINTS_SHOWN
        seed = fold(setup.plan.seed, "shown")
        latents = latents_for(setup.model, count, seed=seed).to(setup.device)
        labels = self.told(torch.arange(count) % columns, setup)
        return SampleRecord(lambda model: generator.sample(model, latents, *labels))

    def columns(self, data: Data) -> int:
        """Return how many samples stand side by side: one a label, the first ten at the most."""
        return min(len(data.target.labels), MOST_COLUMNS) if self.rules.conditional else SIDE

    def told(self, labels: Tensor, setup: Setup) -> tuple[Tensor, ...]:
        """Return what both nets are told beside their inputs."""
        return (labels.to(setup.device),) if self.rules.conditional else ()

    def judge(self, setup: Setup) -> Judge:
        """Return what compares rows, made when it is first asked for."""
        if self._judge is None:
            self._judge = judge_of(as_rows(setup.data), setup.device)
        return self._judge

    def made(self, setup: Setup, model: nn.Module, labels: Tensor, *, seed: int) -> Tensor:
        """Return a row for each of ``labels`` [N], which matter where it is conditional."""
        latents = latents_for(model, len(labels), seed=seed).to(setup.device)
        return sampled(model, latents, *self.told(labels, setup))

    def values(self, setup: Setup, real: Tensor, made: Tensor, labels: Tensor) -> Array:
        """Return [rows, metrics] of made rows beside real ones."""
        judge = self.judge(setup)
        columns = [judge.distances(real, made)]
        if self.rules.conditional:
            columns.append((judge.read(made) == labels).double())
        return np.asarray(torch.stack(columns, dim=1).numpy())

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return every metric over the rows of a split, 2,000 of them at the most."""
        data = as_rows(setup.data)
        rows = some_rows(data, split, MOST_JUDGED)
        real, labels = inputs_of(data, rows), data.targets[torch.from_numpy(rows)]
        made = self.made(setup, setup.model, labels, seed=fold(0, "made", split))
        means = self.values(setup, real, made, labels).mean(axis=0)
        return dict(zip(self.metrics, means.tolist(), strict=True))


def generate(
    *,
    target: Target,
    conditional: bool = False,
    loss: str = "non_saturating",
    critic_steps: int = 1,
    gradient_penalty: float = 0.0,
    r1: float | None = None,
    r1_every: int = 1,
    weight_clip: float = 0.0,
    average_decay: float = 0.999,
) -> Generate:
    """Return the task of making up rows.

    conditional: whether they are made for a label of the target
    loss: "non_saturating", "saturating", "hinge" or "wasserstein"; critic_steps: for one of the
    generator; gradient_penalty, r1 (every ``r1_every`` steps) and weight_clip: what bounds the
    critic, see ``CriticObjective``; where none is given, r1 is 0.25 for points
    average_decay: of the moving average of the generator, which is what is judged and kept; 0
    for none

    >>> pets = Target("kind", "classes", ("cat", "dog"))
    >>> list(generate(target=pets, conditional=True).metrics)
    ['kernel_distance', 'label_agreement']
    """
    rules = Rules(
        conditional=conditional,
        loss=loss,
        critic_steps=critic_steps,
        gradient_penalty=gradient_penalty,
        r1=r1,
        r1_every=r1_every,
        weight_clip=weight_clip,
        average_decay=average_decay,
    )
    return Generate(target, rules)
