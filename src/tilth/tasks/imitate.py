"""Acting as somebody who can does, learned from what they saw and did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from tilth.contracts import Objective
from tilth.data.dataset import Data, Target
from tilth.data.demonstrated_world import DemonstratedWorld
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.data.usual import Usual
from tilth.errors import UserError, choose
from tilth.models.mixture_density import Mixture
from tilth.nn.begin_anew import check_begins_anew
from tilth.objectives.mixture_density import MixtureLikelihood
from tilth.objectives.supervised import Supervised, squared_error
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._acting import Acting, as_world
from tilth.tasks._check_outputs import first_answer
from tilth.tasks._item_means import mean_of
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import player
from tilth.train.play import Played

WAYS = ("frames", "loss")
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""
LOSSES = ("likelihood", "squared_error")
FRAMES = 12_000
COMPONENTS = 3


class Imitate(Acting):
    """A policy of one number, as a mixture of Gaussians, that does what was shown.

    Amini et al. 2019, section III: where two ways are right the mixture has a Gaussian for each,
    and the one with the highest peak is taken; the mean of both would be neither.
    """

    name, look = "imitate", "imitation"
    main_metric = "exits"

    def __init__(self, frames: int, loss: str) -> None:
        self.frames, self.loss = frames, choose(loss, LOSSES, "loss")
        self.metrics: Mapping[str, Metric] = {
            "exits": Metric("exits", mean_of(0), "min"),
            "return": Metric("return", mean_of(1)),
            "length": Metric("length", mean_of(2)),
        }

    def adapt(self, data: Data) -> DemonstratedWorld:
        """Return the world with what is shown in it.

        Raises UserError for data that is no world, for a world in which nobody shows what to do,
        and for actions that are not one number.
        """
        if isinstance(data, DemonstratedWorld) and data.frames == self.frames:
            return data
        world = as_world(data)
        if world.action.shape != (1,):
            raise UserError(
                f"{self.name} in {world.name}",
                rule="what is imitated is an action of one number, such as steering",
                fix="take env:RoadWorld, or leave the task out to learn from reward",
            )
        return DemonstratedWorld.of(world, self.frames)

    def usual(self, data: Data) -> Usual:
        """Return the defaults; the settings are those of docs/log.md."""
        return Usual(
            model="mixture_density",
            lr=1e-3,
            weight_decay=0.0,
            batch_size=64,
            epochs=(4, 4),
            label_smoothing=0.0,
            baseline_rows=0,
            unchecked=as_world(data).usual.unchecked,
            schedule="linear",
            clip=0.0,
            augment=False,
            measured=False,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return what is seen, and how many Gaussians the answer has: one for its mean alone."""
        seen = as_world(data).model_arguments()
        known = {name: seen[name] for name in ("channels", "size")}
        components = COMPONENTS if self.loss == "likelihood" else 1
        return {**known, "components": components, "layers": [128], "width": 16}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many frames, where nothing was given."""
        return sizes_of_rows(self.usual(data), self.frames, batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Raise UserError for what ``Acting`` refuses, and a model that gives no mixture."""
        super().check(setup)
        seen = as_world(setup.data).environment(2).reset(0).to(setup.device)
        found = first_answer(setup.model, seen, setup.device, seed=fold(setup.plan.seed, "model"))
        if not isinstance(found, Mixture):
            raise UserError(
                f"{type(setup.model).__name__} for {self.name}",
                rule="its model gives a Mixture of Gaussians",
                fix="take mixture_density, or give what it gives",
            )
        check_begins_anew(setup.model, "by the other loss")

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player on shuffled frames."""
        data = demonstrated(setup.data)
        source = DatasetSource(
            ResidentStore(data.shown.observations),
            data.shown.actions[:, 0],
            np.arange(data.frames),
            setup.plan.batch_size,
            prepare=lambda raw, keys, epoch: raw,
            seed=fold(setup.plan.seed, "phase", setup.phase),
            device=setup.device,
        )
        return TrainingParts([self.objective()], source, {"model": player(setup)})

    def objective(self) -> Objective:
        """Return the likelihood of what was done, or the squared error of the mixture's mean."""
        return MixtureLikelihood() if self.loss == "likelihood" else Supervised(error_of_mean)

    def episode_values(self, played: Played) -> Array:
        """Return [episodes, 3]: whether the road was left, returns and lengths."""
        columns = (played.terminated, played.returns, played.lengths)
        return np.stack([column.double().numpy() for column in columns], axis=1)


def error_of_mean(found: Any, wanted: Tensor) -> Tensor:
    """Return the summed squared error of a mixture's mean."""
    return squared_error(found.mean(), wanted)


def demonstrated(data: Data) -> DemonstratedWorld:
    """Return the data as ``adapt`` made it."""
    assert isinstance(data, DemonstratedWorld)
    return data


def imitate(*, target: Target, frames: int = FRAMES, loss: str = "likelihood") -> Imitate:
    """Return the task of doing what was shown.

    frames: that are shown; loss: "likelihood" of a mixture of Gaussians, or "squared_error"

    >>> imitate(target=Target("return", "reward")).main_metric
    'exits'
    """
    return Imitate(frames, loss)
