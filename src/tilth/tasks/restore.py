"""Pictures that were made worse, given back as they were."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.data.dataset import NO_TARGET, Data, IntArray, Prepare, Store, Target, as_rows
from tilth.data.given_pairs import PairPrepare, PairStore
from tilth.data.image_set import ImageData
from tilth.data.source import in_order
from tilth.data.usual import Usual
from tilth.data.worse import GIVEN, KINDS, Worse, Worsened, WorsePrepare
from tilth.errors import UserError, choose
from tilth.nn.modes import modes_kept
from tilth.objectives.restore import Restore, RestoreCritic, check_weights
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._feature_net import feature_net
from tilth.tasks._item_means import ItemMeans, mean_of
from tilth.tasks._picture_quality import signal_to_noise, structural_similarity
from tilth.tasks._reconstructing import refuse_own_loss
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import player, rows_of_train, steady_player
from tilth.train.evaluate import in_parts

WAYS = ("features", "feature_weight", "critic_weight")
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""
PLAYERS = ("restorer", "critic")
TARGET = "picture"


class RestoreTask(ItemMeans):
    """Pixels, what a net sees in them, and a critic: from worse pictures to those wanted."""

    name = "restore"
    answers, look = "pictures", "restorations"
    main_metric = "psnr"

    def __init__(
        self, worse: Worse, features: str | None, feature_weight: float, critic_weight: float
    ) -> None:
        check_weights(feature_weight, critic_weight)
        if features is not None and not feature_weight:
            raise UserError(
                f"features={features!r} with feature_weight=0",
                rule="they would change nothing",
                fix="give feature_weight, 0.01 for instance, or leave features out",
            )
        self.worse, self.features = worse, features
        self.feature_weight, self.critic_weight = feature_weight, critic_weight
        self.metrics: Mapping[str, Metric] = {
            "psnr": Metric("psnr", mean_of(0)),
            "ssim": Metric("ssim", mean_of(1)),
        }

    def adapt(self, data: Data) -> Data:
        """Return the pictures with inputs in [0, 1].

        Raises UserError for what is no set of pictures, and for sizes that do not fit.
        """
        if not isinstance(data, ImageData):
            raise UserError(f"{self.name} of {data.name}", rule="what is restored is pictures")
        self.worse.check_size(data.preprocessor.height, data.preprocessor.width)
        return data.in_range(0.0, 1.0)

    def usual(self, data: Data) -> Usual:
        """Return the defaults: Adam's usual rate, no decay, pictures as they are."""
        alone = "super_resolution" if self.worse.kind == "smaller" else "restoration_net"
        return Usual(
            model="restorer_critic" if self.critic_weight else alone,
            lr=1e-3,
            weight_decay=0.0,
            batch_size=32,
            epochs=(3, 20),
            label_smoothing=0.0,
            baseline_rows=10_000,
            unchecked="",
            augment=False,
            range_test=not self.critic_weight,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the channels, and how many times larger pictures become."""
        channels = {"channels": as_rows(data).model_arguments()["channels"]}
        if self.worse.kind == "smaller":
            return {**channels, "factor": self.worse.factor}
        return channels

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many training rows, where nothing was given."""
        return sizes_of_rows(self.usual(data), len(data.splits["train"]), batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Try the model on two rows of train; raise UserError where it does not fit."""
        refuse_own_loss(self.name, setup)
        model = setup.model.to(setup.device)
        lacking = [name for name in PLAYERS * bool(self.critic_weight) if not hasattr(model, name)]
        if lacking:
            raise UserError(
                f"{type(model).__name__} with critic_weight={self.critic_weight}",
                rule="two players are the parts restorer and critic of one model",
                fix='take "restorer_critic", or give your model both',
            )
        seen, wanted = next(pairs(self, setup, "train", slice(2)))
        with modes_kept(model), torch.no_grad():
            model.eval()
            found = model(seen)
            if found.shape != wanted.shape:
                raise UserError(
                    f"the model gives {list(found.shape)} for pictures {list(seen.shape)}",
                    rule=f"it gives them back as {list(wanted.shape)}",
                )
            if self.critic_weight:
                _try_critic(model, wanted)

    def parts(self, setup: Setup) -> TrainingParts:
        """Return the restorer's objective, and the critic's before it where there is one."""
        seed = fold(setup.plan.seed, "phase", setup.phase)
        source = rows_of_train(setup, *paired(self, setup, train=setup.plan.augment, seed=seed))
        net = feature_net(setup, self.features) if self.feature_weight else None
        restoring = functools.partial(
            Restore, net, feature_weight=self.feature_weight, critic_weight=self.critic_weight
        )
        if not self.critic_weight:
            return TrainingParts([restoring()], source, {"model": player(setup)})
        players = {name: steady_player(setup.model.get_submodule(name), setup) for name in PLAYERS}
        return TrainingParts([RestoreCritic(), restoring(moves="restorer")], source, players)

    def values(self, setup: Setup, split: str) -> Array:
        """Return [pictures, 2] PSNR in dB and SSIM of a split."""
        found = [
            quality(restored(setup.model, seen), wanted)
            for seen, wanted in pairs(self, setup, split)
        ]
        return np.concatenate(found)


def paired(task: RestoreTask, setup: Setup, *, train: bool, seed: int) -> tuple[Prepare, Store]:
    """Return the transform and the store of pictures seen and wanted; train: as for training."""
    data = setup.data
    assert isinstance(data, ImageData)
    if data.partners is not None:
        either = data.follow(train=train, seed=seed)  # moved alike, and in no other way changed
        return PairPrepare(either), PairStore(data.store, data.partners)
    return WorsePrepare(data.prepare(train=train, seed=seed), task.worse, seed), data.store


def pairs(
    task: RestoreTask, setup: Setup, split: str, places: slice | IntArray = slice(None)
) -> Iterator[Worsened]:
    """Yield pictures of a split made worse, the same in every run, beside those wanted.

    places: in the split; all where not given
    """
    data = as_rows(setup.data)
    chosen = data.splits[split][places]
    seed = fold(0, "worse", split)
    prepare, store = paired(task, setup, train=False, seed=seed)
    size = min(len(chosen), 4 * setup.plan.batch_size)
    for batch in in_order(store, data.targets, chosen, size, prepare=prepare, device=setup.device):
        yield batch.inputs


def restored(model: nn.Module, seen: Tensor) -> Tensor:
    """Return what a model makes of pictures, in [0, 1], in evaluation mode; modes are put back."""
    with modes_kept(model), torch.no_grad():
        found = in_parts(model.eval(), seen)
    return found.float().clamp(0, 1)


def quality(found: Tensor, wanted: Tensor) -> Array:
    """Return [B, 2] PSNR in dB and SSIM, in the order of the task's metrics."""
    both = [signal_to_noise(found, wanted), structural_similarity(found, wanted)]
    return np.asarray(torch.stack(both, dim=1).cpu().numpy())


def _try_critic(model: Any, wanted: Tensor) -> None:
    try:
        model.critic(wanted)
    except (RuntimeError, ValueError) as error:
        height, width = wanted.shape[-2:]
        raise UserError(
            f"the critic cannot judge pictures of {width} x {height} px ({error})",
            fix='model_arguments={"critic_halvings": 1}, or larger pictures',
        ) from error


def restore(
    *,
    target: Target = NO_TARGET,
    worse: str = "smaller",
    factor: int | None = None,
    noise: float | None = None,
    quality: int | None = None,
    features: str | None = None,
    feature_weight: float = 0.0,
    critic_weight: float = 0.0,
) -> RestoreTask:
    """Return the task of restoring pictures that were made worse.

    target: of the data; worse: what was done to pictures: nothing where the data has pairs of them,
        else "smaller" (by ``factor``: 2, 4 or 8), "noisy" (``noise``: standard deviation where
        white is 1), "covered" (by a line of text), "compressed" (``quality`` of JPEG: 1 to 95)
    feature_weight: of what a net sees in the pictures, beside their pixels; features: its bundle,
        None for a small VGG that is trained on the labels
    critic_weight: of a critic's opinion; 0 leaves it out
    Raises UserError for an argument that belongs to another way to make pictures worse.

    >>> restore(worse="noisy", noise=0.2).main_metric
    'psnr'
    """
    has_pairs = target.kind == "picture"
    if has_pairs and worse != "smaller":
        raise UserError(
            f"worse={worse!r} for pairs of pictures",
            rule="what is seen and what is wanted are both given",
            fix="leave worse out, or read the pictures without pairs",
        )
    worse = GIVEN if has_pairs else choose(worse, KINDS, "way to make pictures worse")
    given = {"factor": factor, "noise": noise, "quality": quality}
    own = {**dict(zip(KINDS, ("factor", "noise", None, "quality"), strict=True)), GIVEN: None}
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in known:
        if worse in own and name != own[worse]:
            raise UserError(
                f'{name}={known[name]} with worse="{worse}"',
                rule="it would change nothing",
                fix=f"leave {name} out",
            )
    return RestoreTask(Worse(worse, **known), features, feature_weight, critic_weight)
