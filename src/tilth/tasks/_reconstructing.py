"""What tasks share that learn rows by giving them back, whatever their targets are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import Objective
from tilth.data.array_table import ArrayTable
from tilth.data.dataset import Data, Rows, as_rows
from tilth.data.image_set import ImageData
from tilth.data.noise import WithNoise
from tilth.data.usual import Usual
from tilth.errors import UserError, first_line
from tilth.nn.modes import modes_kept
from tilth.randomness import fold
from tilth.tasks import Array, Metric
from tilth.tasks._check_outputs import first_answer, given
from tilth.tasks._item_means import ItemMeans
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import player, rows_of_train
from tilth.train.evaluate import in_parts

LATENTS = 20  # as in PyTorch's own example of a variational autoencoder
NEEDED = ("encode", "decode")
MOST_SAMPLES, SMALL_ROW = 1_000_000, 1024
"""Rows seen by default, where they are of so many numbers or fewer: dense nets are quick then."""


class Reconstructing(ItemMeans):
    """A task whose model has ``encode`` and ``decode``, and gives a row back when called."""

    name: str
    metrics: Mapping[str, Metric]
    main_metric: str
    answers, look = "codes", "reconstructions"
    model: str

    @abstractmethod
    def objective(self) -> Objective:
        """Return what is minimised."""

    @abstractmethod
    def noise(self, data: Rows, model: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of the random numbers that come with every row."""

    @abstractmethod
    def row_values(self, model: nn.Module, inputs: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return [B, metrics] of rows, in the order of ``metrics``."""

    def adapt(self, data: Data) -> Data:
        """Return pictures with inputs in [0, 1], and arrays as plain rows.

        Raises UserError for rows that are neither.
        """
        if isinstance(data, ImageData):
            return data.in_range(0.0, 1.0)
        if isinstance(data, ArrayTable):
            return data.plain()
        raise UserError(
            f"{self.name} of {data.name}",
            rule="what is given back is pictures, or an array of numbers",
            fix="for a table, give its numbers as an array: tl.arrays(numbers, targets)",
        )

    def usual(self, data: Data) -> Usual:
        """Return the defaults: a measured rate (docs/log.md), no decay, no clip of a sum over many
        numbers.
        """
        numbers = prod(shape_of(as_rows(data)))
        return Usual(
            model=self.model,
            lr=3e-3,
            weight_decay=0.0,
            batch_size=128,
            epochs=(5, 60),
            label_smoothing=0.0,
            baseline_rows=10_000,
            unchecked="Meaning: whether what it keeps of a row is what matters about it.",
            clip=0.0,
            augment=False,
            samples=max(300_000, min(MOST_SAMPLES, MOST_SAMPLES * SMALL_ROW // numbers)),
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the shape of a row and the usual number of latents."""
        return {"shape": shape_of(as_rows(data)), "latents": LATENTS}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many training rows, where nothing was given."""
        return sizes_of_rows(self.usual(data), len(data.splits["train"]), batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Raise UserError for a model that cannot encode and decode, or gives another shape."""
        lacking = [name for name in NEEDED if not callable(getattr(setup.model, name, None))]
        if lacking:
            raise UserError(
                f"{type(setup.model).__name__} for {self.name}",
                rule=f"the model has {' and '.join(NEEDED)}, and gives rows back when called",
                fix=f"give it {' and '.join(lacking)}, or leave the model out",
            )
        inputs = next(batches(setup, "train", rows=2))
        seed = fold(setup.plan.seed, "model")
        found = first_answer(setup.model, inputs, setup.device, seed=seed)
        if not isinstance(found, Tensor) or found.shape != inputs.shape:
            raise UserError(
                f"the model gives {given(found, 2)} for rows {list(inputs.shape)}",
                rule="rows come back in their own shape",
            )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player on shuffled batches of train."""
        refuse_own_loss(self.name, setup)
        source: Any = rows_of_train(setup)
        shapes = self.noise(as_rows(setup.data), setup.model)
        if shapes:
            seed = fold(setup.plan.seed, "phase", setup.phase)
            source = WithNoise(source, shapes, seed=seed)
        return TrainingParts([self.objective()], source, {"model": player(setup)})

    def values(self, setup: Setup, split: str) -> Array:
        """Return [rows, metrics] of a split; draws depend on the seed alone."""
        shapes = self.noise(as_rows(setup.data), setup.model)
        seed = fold(setup.plan.seed, "judge", split)
        generator = torch.Generator(setup.device).manual_seed(seed)
        found = []
        with modes_kept(setup.model), torch.no_grad():
            setup.model.eval()
            for inputs in batches(setup, split):
                draws = {
                    name: torch.randn(len(inputs), *shape, generator=generator, device=setup.device)
                    for name, shape in shapes.items()
                }
                values = in_parts(lambda rows: self.row_values(setup.model, *rows), (inputs, draws))
                found.append(values.double().cpu())
        return np.asarray(torch.cat(found).numpy())


def shape_of(data: Rows) -> tuple[int, ...]:
    """Return the shape of one row of inputs."""
    rows = torch.from_numpy(data.splits["train"][:1])
    (row,) = data.prepare(train=False)(data.store.take(rows), rows, 0)
    return tuple(row.shape)


def batches(setup: Setup, split: str, *, rows: int | None = None) -> Iterator[Tensor]:
    """Return the inputs of a split in order, or of its first ``rows``, on the setup's device."""
    data = as_rows(setup.data)
    return (batch.inputs for batch in judged_rows(data, data.splits[split][:rows], setup))


def tried(model: Callable[[Tensor], Any], inputs: Tensor) -> Any:
    """Return what a model gives; raise UserError where it cannot take rows of this shape."""
    try:
        return model(inputs)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the model cannot take rows {list(inputs.shape)} ({first_line(error)})",
            rule="every layer needs rows of its own size, or a size that is left after halving",
            fix="larger pictures (size=32), or another model",
        ) from error


def refuse_own_loss(name: str, setup: Setup) -> None:
    """Raise UserError where a loss of outputs and targets was given, which is not asked here."""
    if setup.loss is not None:
        raise UserError(
            f"a loss of your own for {name}",
            rule="its loss is its own: there are no targets to compare with",
            fix="leave loss out",
        )
