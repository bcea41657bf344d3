"""What two players need of data and of a model, and what is usual for pictures and for points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from tilth.data.array_table import ArrayTable
from tilth.data.dataset import Data, Rows
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.models.dcgan import halvings
from tilth.nn.features import MOST_FEATURES

MOST_PX = 64
LEAST_ROWS = 20  # of valid and of test: fewer say nothing of a distribution


@dataclass(frozen=True)
class Playing:
    """Usual numbers of a game.

    betas: of Adam; steps: of a whole training; r1: weight of the penalty; known: sizes of the model
    """

    model: str
    lr: float
    betas: tuple[float, float]
    schedule: str
    batch_size: int
    steps: int
    r1: float
    known: Mapping[str, int]


POINTS = Playing(
    "mlp_gan", 1e-3, (0.0, 0.99), "linear", 256, 4000, 0.25, {"latent": 8, "width": 128}
)
PICTURES = Playing(
    "dcgan", 2e-4, (0.5, 0.999), "constant", 64, 6000, 0.0, {"latent": 64, "width": 32}
)


def playing(data: Data) -> Playing:
    """Return the usual numbers for pictures or for points."""
    return PICTURES if data.kind == "images" else POINTS


def adapted(data: Data) -> Rows:
    """Return pictures with inputs in [-1, 1], and arrays as plain rows.

    Raises UserError for rows that are neither, pictures that are too large, not square or cannot
    be halved, columns that never vary, and too few rows to judge by.
    """
    if isinstance(data, ImageData):
        check_size(data)
        found: Rows = data.in_range(-1.0, 1.0)
    elif isinstance(data, ArrayTable):
        found = plain_rows(data)
    else:
        raise UserError(
            f"generate of {data.name}",
            rule="what is made up is pictures, or rows of an array of numbers",
            fix="for a table, give its numbers as an array: tl.arrays(numbers, targets)",
        )
    for split in ("valid", "test"):
        if len(found.splits[split]) < LEAST_ROWS:
            raise UserError(
                f"{len(found.splits[split])} rows in {split}",
                rule=f"what is made is compared with {LEAST_ROWS} real rows at least",
                fix="give more rows, or other fractions",
            )
    return found


def check_size(data: ImageData) -> None:
    """Raise UserError for pictures that are not small squares which can be halved."""
    size = data.model_arguments()["size"]
    if not isinstance(size, int) or size > MOST_PX:
        sides = f"{size} x {size}" if isinstance(size, int) else " x ".join(map(str, size))
        raise UserError(
            f"pictures of {sides} px",
            rule=f"what is made are squares of at most {MOST_PX} px",
            fix="read them smaller: size=32 (--size 32)",
        )
    halvings(size)


def plain_rows(data: ArrayTable) -> ArrayTable:
    """Return an array's rows as plain numbers, where every column can be made up."""
    rows = data.plain()
    width = rows.preprocessor.width
    if width > MOST_FEATURES:
        raise UserError(f"rows of {width:,} numbers", rule=f"at most {MOST_FEATURES:,} are made up")
    rows.preprocessor.restored(torch.zeros(1, width))  # raises where a column never varies
    return rows


def check_players(model: nn.Module, *, penalised: bool) -> None:
    """Raise UserError for a model that is not two players, or whose critic mixes rows.

    penalised: whether the critic pays for its slope
    """
    parts = dict(model.named_children())
    numbers = [getattr(model, name, None) for name in ("latent", "classes")]
    if not {"generator", "critic"} <= {*parts} or not all(isinstance(n, int) for n in numbers):
        raise UserError(
            f"{type(model).__name__} for generate",
            rule="the model has a generator and a critic, and says its latent and its classes",
            fix="put yours together: GeneratorCritic(generator, critic, latent=64)",
        )
    norms = [m for m in parts["critic"].modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if norms and penalised:
        raise UserError(
            "a penalty on the slope of a critic with batch norm",
            rule="with batch norm a row's slope is not its own",
            fix='take model="resnet_gan", whose critic has none, or leave the penalty out',
        )
