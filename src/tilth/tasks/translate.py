"""Pictures of one set in the looks of another, learned from sets that are not paired.

KID compares translated pictures with real ones of the other set, in the features of a small net
with fixed random weights (as Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
Generative Models", section 4, propose for pictures that no pretrained net knows): it ranks nets on
the same data and is not comparable with published values. It chooses the weights, because the
cycle error alone prefers a net that changes nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.data.dataset import Data
from tilth.data.domains import Domains, as_domains
from tilth.data.image_pool import WithImagePool
from tilth.data.usual import Usual
from tilth.errors import UserError, first_line
from tilth.nn.features import features
from tilth.nn.kernel_discrepancy import cubic, pair_values
from tilth.nn.modes import modes_kept
from tilth.objectives.cycle import CycleCritic, CycleGenerator
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._domains import BOTH, Side, inputs, paired, rows_of, spaced
from tilth.tasks._fixed_net import fixed_net
from tilth.tasks._item_means import ItemMeans, mean_of
from tilth.tasks._reconstructing import refuse_own_loss, tried
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import steady_player
from tilth.train.evaluate import in_parts

WAYS = ("cycle", "identity")
"""Arguments that say how it is learned, not what is asked: runs that differ in them compare."""
MOST_JUDGED = {"valid": 500, "test": 1000}  # pictures of each set: KID takes rows squared
LEAST_JUDGED = 4
SMALL = 64  # px up to which the small nets are enough: see ``cycle_gan``
SMALL_NET = {"width": 16, "blocks": 3, "critic_width": 32, "critic_halvings": 2}
LARGE_NET = {"width": 64, "blocks": 9, "critic_width": 64, "critic_halvings": 3}
MOST_SCALED = 500  # train pictures of each set that features are standardised by

Translate = Callable[[Tensor], Tensor]


class TranslateTask(ItemMeans):
    """Two generators that translate there and back, beside a critic for each set."""

    name, answers, look = "translate", "translations", "translations"
    metrics: Mapping[str, Metric]
    main_metric = "kid"

    def __init__(self, cycle: float, identity: float) -> None:
        if not (0 < cycle < math.inf) or not (0 <= identity < math.inf):
            raise UserError(
                f"cycle={cycle}, identity={identity}",
                rule="the weight of going there and back is above 0, that of staying 0 or more",
            )
        self.cycle, self.identity = cycle, identity
        self.metrics = {
            "kid": Metric("kid", mean_of(0), "min"),
            "cycle_error": Metric("cycle_error", mean_of(1), "min"),
        }

    def adapt(self, data: Data) -> Domains:
        """Return both sets with inputs in [-1, 1], and as many of each to judge by.

        Raises UserError for too few.
        """
        given = as_domains(data, self.name).with_calibrate_in_train().in_range(-1.0, 1.0)
        splits = dict(given.splits)
        for split, most in MOST_JUDGED.items():
            count = min(most, *(len(rows) for rows in given.sides(split)))
            if count < LEAST_JUDGED:
                raise UserError(
                    f"{count} pictures in {split} of one set of {given.name}",
                    rule=f"{LEAST_JUDGED} at least of each set are needed to compare looks",
                    fix="give more pictures, or other fractions",
                )
            splits[split] = given.joined(*(spaced(rows, count) for rows in given.sides(split)))
        shown = ", ".join(f"{split} {len(splits[split]):,}" for split in MOST_JUDGED)
        notes = [f"as many pictures of each set judge: {shown}", *given.notes]
        return dataclasses.replace(given, splits=splits, notes=notes)

    def usual(self, data: Data) -> Usual:
        """Return the defaults of the paper: Adam's rate 2e-4, steady, falling at the end.

        Departure: batches of up to 16 in place of 1, and the end falls by a cosine.
        """
        return Usual(
            model="cycle_gan",
            lr=2e-4,
            weight_decay=0.0,
            batch_size=16,
            epochs=(2, 200),
            label_smoothing=0.0,
            baseline_rows=10_000,
            unchecked=Domains.usual.unchecked,
            schedule="flat_cosine",
            clip=0.0,
            augment=False,
            range_test=False,
            measured=False,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the channels, and nets as large as the pictures ask for."""
        ready = as_domains(data).onto.preprocessor
        net = SMALL_NET if max(ready.height, ready.width) <= SMALL else LARGE_NET
        return {"channels": ready.channels, **net}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for the larger of the two train splits."""
        rows = max(len(side) for side in as_domains(data).sides("train"))
        return sizes_of_rows(self.usual(data), rows, batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Raise UserError for a model without the players, and for sizes that it cannot give."""
        refuse_own_loss(self.name, setup)
        model: Any = setup.model.to(setup.device)
        try:
            nets = (model.generator.to_target, model.generator.to_source)
            critics = (model.critic.source, model.critic.target)
        except AttributeError as error:
            raise UserError(
                f"{type(model).__name__} for {self.name} ({first_line(error)})",
                rule="the model has generator.to_target, generator.to_source, critic.source and "
                "critic.target",
                fix="name them so, or leave the model out",
            ) from error
        rows = rows_of(as_domains(setup.data), "source", "train")[:2]
        seen = torch.cat(list(inputs(setup, "source", rows)))
        with modes_kept(model), torch.no_grad():
            model.eval()
            for net, critic in zip(nets, critics, strict=True):
                tried(critic, self._tried(net, seen))

    def _tried(self, net: nn.Module, seen: Tensor) -> Tensor:
        made: Tensor = tried(net, seen)
        if made.shape != seen.shape:
            raise UserError(
                f"the generator gives {list(made.shape[1:])} for {list(seen.shape[1:])}",
                rule="a translated picture has the size of the picture; the net halves it twice",
                fix="bring pictures to a size that is a multiple of 4: size=32",
            )
        return made

    def parts(self, setup: Setup) -> TrainingParts:
        """Return critics and generators as two players, with a pool of earlier translations."""
        seed = fold(setup.plan.seed, "phase", setup.phase)
        model: Any = setup.model
        players = {
            name: steady_player(getattr(model, name), setup) for name in ("critic", "generator")
        }
        generator = CycleGenerator(cycle=self.cycle, identity=self.identity)
        source = WithImagePool(paired(setup), seed=seed)
        return TrainingParts([CycleCritic(), generator], source, players)

    def translated(self, setup: Setup, side: Side, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures of one set, translated to the other, and back; [N, C, H, W] each."""
        nets: Any = setup.model.generator
        ways = (nets.to_target, nets.to_source)
        return self.there_and_back(setup, side, split, *(ways if side == "source" else ways[::-1]))

    def there_and_back(
        self, setup: Setup, side: Side, split: str, there: Translate, back: Translate
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures of one set, what one function makes of them, and another of that."""
        rows = rows_of(as_domains(setup.data), side, split)
        seen, made, again = [], [], []
        with modes_kept(setup.model), torch.no_grad():
            setup.model.eval()
            for piece in inputs(setup, side, rows):
                seen.append(piece.cpu())
                new = in_parts(there, piece).float()
                made.append(new.cpu())
                again.append(in_parts(back, new).float().cpu())
        return torch.cat(seen), torch.cat(made), torch.cat(again)

    def values(self, setup: Setup, split: str) -> Array:
        """Return [rows, 2]: each row's part of the KID of its direction, and its cycle error."""
        ways = [self.translated(setup, side, split) for side in BOTH]
        return self.row_values(setup, *ways)

    def unchanged(self, setup: Setup, split: str) -> Array:
        """Return the same for leaving every picture as it is."""

        def as_it_is(pictures: Tensor) -> Tensor:
            return pictures

        ways = [self.there_and_back(setup, side, split, as_it_is, as_it_is) for side in BOTH]
        return self.row_values(setup, *ways)

    def row_values(
        self,
        setup: Setup,
        source: tuple[Tensor, Tensor, Tensor],
        target: tuple[Tensor, Tensor, Tensor],
    ) -> Array:
        """Return [rows of source and target, 2] for pictures as they are, translated, and back."""
        look = self.features(setup)
        kid = [
            kid_values(look(real), look(made))
            for real, made in ((target[0], source[1]), (source[0], target[1]))
        ]
        errors = [
            (again - seen).abs().flatten(1).mean(1).double().numpy() / 2
            for seen, _, again in (source, target)
        ]
        found: Array = np.stack([np.concatenate(kid), np.concatenate(errors)], axis=1)
        return found

    def features(self, setup: Setup) -> Callable[[Tensor], Array]:
        """Return pictures -> [N, D] features, mean 0 and mean square 1 over both train splits."""
        data = as_domains(setup.data)
        known = [
            piece.cpu()
            for side in BOTH
            for piece in inputs(setup, side, spaced(rows_of(data, side, "train"), MOST_SCALED))
        ]
        net = fixed_net(data.model_arguments(), torch.cat(known))
        return lambda pictures: features(net, pictures)


def kid_values(real: Array, made: Array) -> Array:
    """Return [N] values of features [N, D] of two sets, whose mean is their KID."""
    found: Array = pair_values(torch.from_numpy(real), torch.from_numpy(made), cubic).numpy()
    return found


def translate(*, cycle: float = 10.0, identity: float = 0.5) -> TranslateTask:
    """Return the task of translating between two sets of pictures, without pairs.

    cycle: weight of coming back as it was; identity: weight of leaving what has the other looks
    already, as a share of ``cycle`` (Zhu et al. 2017, equation 3 and section 5.2)

    >>> translate().main_metric
    'kid'
    """
    return TranslateTask(cycle, identity)
