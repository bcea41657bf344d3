"""A class for every pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.data.dataset import Data, Target, as_rows
from tilth.data.image_set import ImageData
from tilth.data.mask_decoder import VOID
from tilth.data.usual import Usual
from tilth.errors import UserError
from tilth.nn.modes import modes_kept
from tilth.objectives.segment import Segment
from tilth.tasks import Array, Metric
from tilth.tasks._check_outputs import first_answer, given
from tilth.tasks._judged_rows import judged_rows
from tilth.tasks._reconstructing import refuse_own_loss
from tilth.tasks._setup import Setup, TrainingParts
from tilth.tasks._sizes import Sizes, sizes_of_rows
from tilth.tasks._training import player, rows_of_train
from tilth.train.evaluate import in_parts

TARGET = "mask"


class Counts(NamedTuple):
    """Pixels of pictures by class, [N, K] each: rightly said, said, true; void left out."""

    right: Array
    said: Array
    true: Array


class SegmentTask:
    """Cross entropy over the pixels whose class is said, and optionally the Dice loss beside it."""

    name = "segment"
    answers, look = "masks", "segmentations"
    main_metric = "iou"

    def __init__(self, target: Target, dice_weight: float) -> None:
        if not dice_weight >= 0:
            raise UserError(f"dice_weight={dice_weight}", rule="a weight is 0 or more")
        self.target, self.outputs, self.dice_weight = target, len(target.labels), dice_weight
        self.metrics: Mapping[str, Metric] = {
            "iou": Metric("iou", self._of(mean_iou)),
            "dice": Metric("dice", self._of(mean_dice)),
            "pixels": Metric("pixels", self._of(pixel_accuracy)),
        }

    def _of(self, function: Callable[[Counts], float]) -> Callable[[Array, Array], float]:
        return lambda values, truths: function(as_counts(values))

    def adapt(self, data: Data) -> Data:
        """Return the pictures as they are; raise UserError for what has no masks."""
        if not isinstance(data, ImageData) or data.target.kind != "mask":
            raise UserError(
                f"segment for {data.name}, which has no masks",
                rule="a class for every pixel is learned from masks",
                fix="say where they are: --masks FOLDER (masks=)",
            )
        return data

    def usual(self, data: Data) -> Usual:
        """Return the defaults: AdamW with one-cycle, short of memory a small batch."""
        return Usual(
            model="unet",
            lr=2e-3,
            weight_decay=0.01,
            batch_size=16,
            epochs=(10, 100),
            label_smoothing=0.0,
            baseline_rows=200,
            unchecked="",
            samples=40_000,
        )

    def model_arguments(self, data: Data) -> dict[str, Any]:
        """Return the shape of the pictures and the number of classes."""
        return {**data.model_arguments(), "pixel_outputs": self.outputs}

    def sizes(self, data: Data, batch_size: int | None, epochs: int | None) -> Sizes:
        """Return what is usual for so many training rows, where nothing was given."""
        return sizes_of_rows(self.usual(data), len(data.splits["train"]), batch_size, epochs)

    def check(self, setup: Setup) -> None:
        """Try the model on two rows of train; raise UserError where it does not fit."""
        refuse_own_loss(self.name, setup)
        data = as_rows(setup.data)
        (batch,) = judged_rows(data, data.splits["train"][:2], setup)
        found = first_answer(setup.model, batch.inputs, setup.device, seed=setup.plan.seed)
        needed = (len(batch.inputs), self.outputs, *batch.inputs.shape[-2:])
        if not isinstance(found, Tensor) or found.shape != needed:
            raise UserError(
                f"the model gives {given(found, len(batch.inputs))}",
                rule=f"{self.outputs} classes of each pixel need the shape {list(needed)}",
                fix='take model="unet" (--model), or end in a 1x1 convolution at full size',
            )

    def parts(self, setup: Setup) -> TrainingParts:
        """Return one objective and one player on shuffled batches of train."""
        objective = Segment(dice_weight=self.dice_weight)
        return TrainingParts([objective], rows_of_train(setup), {"model": player(setup)})

    def values(self, setup: Setup, split: str) -> Array:
        """Return [pictures, 3 K] of a split: pixels rightly said, said and true, by class."""
        found = [
            np.concatenate(count(said, targets, self.outputs), axis=1)
            for said, targets in answers(setup, split)
        ]
        return np.concatenate(found)

    def measure(self, setup: Setup, split: str) -> dict[str, float]:
        """Return every metric of the model on a split."""
        counts = as_counts(self.values(setup, split))
        return {
            "iou": mean_iou(counts),
            "dice": mean_dice(counts),
            "pixels": pixel_accuracy(counts),
        }


def answers(setup: Setup, split: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the classes that a model says and those that are true, [B, H, W] each, of a split."""
    data = as_rows(setup.data)
    for batch in judged_rows(data, data.splits[split], setup):
        yield said_of(setup, batch), batch.targets.cpu()


def said_of(setup: Setup, batch: Batch) -> Tensor:
    """Return the likeliest class of each pixel of a batch, uint8 [B, H, W]; modes are put back."""
    model, numerics = setup.model, setup.plan.numerics
    with modes_kept(model), torch.inference_mode(), numerics.autocast(setup.device):
        placed = numerics.place_batch(batch)
        return in_parts(likeliest(model.eval()), placed.inputs).cpu()


def likeliest(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the function from pictures to the likeliest class of each pixel."""
    return lambda pictures: model(pictures).argmax(dim=1).to(torch.uint8)


def count(said: Tensor, true: Tensor, classes: int) -> Counts:
    """Return the pixels of each picture by class; said, true: [B, H, W] uint8, 255 is void.

    >>> count(torch.tensor([[[0, 1]]]), torch.tensor([[[1, 1]]]), 2).right.tolist()
    [[0.0, 1.0]]
    """
    known = true != VOID

    def by_class(chosen: Tensor, where: Tensor) -> Array:
        rows = torch.arange(len(chosen))[:, None, None].expand_as(chosen)
        places = (rows * classes + chosen)[where]
        return (
            torch.bincount(places, minlength=len(chosen) * classes)
            .reshape(-1, classes)
            .double()
            .numpy()
        )

    said, true = said.long(), true.long()
    return Counts(
        by_class(said, known & (said == true)), by_class(said, known), by_class(true, known)
    )


def as_counts(values: Array) -> Counts:
    """Return what ``SegmentTask.values`` put side by side."""
    return Counts(*np.split(values, 3, axis=1))


def class_iou(counts: Counts) -> Array:
    """Return [K] intersection over union of each class over all pixels; NaN where there is none."""
    right, said, true = (part.sum(axis=0) for part in counts)
    union = said + true - right
    return np.asarray(np.divide(right, union, out=np.full(len(union), np.nan), where=union > 0))


def mean_iou(counts: Counts) -> float:
    """Return the mean over classes of intersection over union, over the pixels of all pictures.

    As in the PASCAL VOC challenge (Everingham et al. 2015, section 4.3): of classes that are said
    or true anywhere.
    """
    return float(np.nanmean(class_iou(counts)))


def mean_dice(counts: Counts) -> float:
    """Return the mean over classes of 2 |A and B| / (|A| + |B|) (Dice 1945)."""
    right, said, true = (part.sum(axis=0) for part in counts)
    there = said + true > 0
    return float((2 * right[there] / (said + true)[there]).mean())


def pixel_accuracy(counts: Counts) -> float:
    """Return the share of the pixels whose class is rightly said (global accuracy)."""
    return float(counts.right.sum() / counts.true.sum())


def segment(*, target: Target, dice_weight: float = 0.0) -> SegmentTask:
    """Return the task of telling the class of every pixel.

    dice_weight: of the Dice loss (Milletari et al. 2016, eq. 2), beside the cross entropy: it
    weighs small classes as much as large ones
    Raises UserError for a weight below 0.

    >>> segment(target=Target("mask", "mask", ("sky", "road"))).outputs
    2
    """
    return SegmentTask(target, dice_weight)
