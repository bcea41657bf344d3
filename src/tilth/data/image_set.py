"""Pictures and what they show, split and ready for training: the data set of this room."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from tilth.data.augment import Augment
from tilth.data.black_or_white import BlackOrWhite
from tilth.data.dataset import (
    Finding,
    IntArray,
    Prepare,
    Rows,
    Store,
    as_they_are,
    worst_first,
)
from tilth.data.follow_moves import MovedMasks, MovedPoints
from tilth.data.image_decisions import apply_decisions
from tilth.data.image_findings import Facts, find_trouble
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_statistics import channel_statistics
from tilth.data.keys import Keys, mix
from tilth.data.mix import MixTargets
from tilth.data.open_image import Header
from tilth.data.pixel_arrays import picture
from tilth.data.places import Places
from tilth.data.point_findings import point_findings
from tilth.data.usual import Usual

_LINEAR_FEATURES = 1024  # what a linear baseline of a few seconds can take


@dataclass(kw_only=True, repr=False)
class ImageData(Rows):
    """Pictures with a class or a number each; ``read_images`` and ``image_arrays`` make them.

    preprocessor: what turns new pictures into inputs, with the statistics of the training rows
    pictures: the raw pixels; values: [rows] class ids or standardised numbers, [rows, K] labels,
        [rows, P, 2] points in px; partners: masks (uint8 [H, W], 255 is void) or wanted pictures
    keys: [rows] 64-bit content hashes; files: relative paths (None for arrays)
    headers: what the files' headers said (None for arrays)
    augment: what training pictures go through, or None
    binary: whether inputs, which then are in [0, 1], are made 0 or 1 by chance
    facts: what was seen while reading that ``findings`` reports
    decided: digest of the decisions that were applied; empty without
    outside: [rows, P] points that were given outside of what is seen, where points are wanted
    """

    preprocessor: ImagePreprocessor
    pictures: Store
    values: Tensor
    partners: Store | None = None
    keys: NDArray[np.uint64]
    files: list[str] | None = None
    headers: list[Header] | None = None
    augment: Augment | None = None
    binary: bool = False
    facts: Facts = field(default_factory=Facts)
    decided: str = ""
    outside: NDArray[np.bool_] | None = None

    kind: ClassVar[str] = "images"
    usual: ClassVar[Usual] = Usual(
        model="small_resnet",
        lr=0.004,
        weight_decay=0.5,
        batch_size=128,
        epochs=(5, 40),
        label_smoothing=0.1,
        baseline_rows=10_000,
        unchecked="Robustness: noise, blur, other light, other cameras, small attacks on the "
        "pixels.",
    )

    def usual_network(self) -> dict[str, Any]:
        """Half the width without colour: a quarter of the work, and MNIST keeps its accuracy."""
        return {"width": 32} if self.model_arguments()["channels"] == 1 else {}

    @property
    def store(self) -> Store:
        """The raw pixels of all rows."""
        return self.pictures

    @property
    def targets(self) -> Tensor:
        """[rows] int64 class ids or float32 standardised numbers, for all rows; see ``values``."""
        return self.values

    @property
    def wanted(self) -> Tensor | Store:
        """What a batch's targets are taken from: masks or pictures, where such are wanted."""
        return self.values if self.partners is None else self.partners

    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the batch transform: with augmentation for train, without otherwise."""
        plain = ImagePrepare(self.preprocessor, self.augment if train else None, seed)
        return BlackOrWhite(plain, seed) if self.binary else plain

    def follow(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the transform of targets: moved and mixed as ``prepare`` does it to pictures.

        Raises UserError for mixing targets that cannot be mixed.
        """
        kind: str = self.target.kind
        augment = self.augment if train else None
        if kind == "picture":
            geometry = augment.geometry() if augment else None
            return ImagePrepare(self.preprocessor, geometry, seed)
        height, width = self.preprocessor.height, self.preprocessor.width
        if kind == "points":
            moved = MovedPoints(augment, height, width, seed) if augment else as_they_are
            return Places(width, height, moved)
        if augment is None or kind == "none":
            return as_they_are
        place = (augment, height, width, seed)
        if kind == "mask":
            return MovedMasks(*place)
        classes = len(self.target.labels) if kind == "classes" else 0
        return MixTargets(*place, classes) if augment.mixes else as_they_are

    def in_range(self, low: float, high: float) -> ImageData:
        """Return the same pictures with inputs from ``low`` (black) to ``high`` (white)."""
        ready = self.preprocessor
        black, white = ready.value_range
        scale = (white - black) / (high - low)
        mean, std = (black - low * scale,) * ready.channels, (scale,) * ready.channels
        return dataclasses.replace(
            self, preprocessor=dataclasses.replace(ready, mean=mean, std=std)
        )

    def normalised_as(self, first: ImagePreprocessor) -> ImageData:
        """Return the same pictures normalised with the statistics of another set.

        first: its preprocessor, whose units may be others
        """
        ready = self.preprocessor
        (black, white), (low, high) = first.value_range, ready.value_range
        if (black, white) == (low, high):
            mean, std = first.mean, first.std
        else:
            scale = (high - low) / (white - black)
            mean = tuple(low + (one - black) * scale for one in first.mean)
            std = tuple(one * scale for one in first.std)
        return dataclasses.replace(
            self, preprocessor=dataclasses.replace(ready, mean=mean, std=std)
        )

    def with_splits(self, splits: Mapping[str, IntArray]) -> ImageData:
        """Return the same pictures split otherwise, with statistics from the new training rows."""
        ready, target, values = self.preprocessor, self.target, self.values
        measured = channel_statistics(self.pictures, splits["train"])
        if target.kind == "number":
            raw = values.double() * target.scale + target.mean
            target = target.fitted(raw[splits["train"]])
            values = target.encode(raw.tolist())
        return dataclasses.replace(
            self,
            splits=dict(splits),
            preprocessor=dataclasses.replace(ready, mean=measured.mean, std=measured.std),
            target=target,
            values=values,
        )

    def apply(self, decisions: str | Path) -> ImageData:
        """Return the pictures as a person decided: relabelled, or taken out of their split.

        decisions: the CSV file that ``tilth review`` writes; the last one of an item that was not
            taken back is in force
        Splits stay as they were dealt, statistics are those of the new training rows, a label
        that is new is a new class, and pictures that had no label get a target with the first.
        The notes count what was done and name items that this data does not have; no file
        changes.
        Raises UserError for a file that is none, where no item is known, and for new labels of
        pictures whose target is a number.

        >>> import numpy as np
        >>> import tilth as tl
        >>> from tilth.data.decisions import Decision, append
        >>> pictures = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
        >>> data = tl.arrays(pictures, np.arange(40) % 2)
        >>> append(Path("decisions.csv"), [Decision(data.item_id(0), "relabel", "1")])
        >>> int(data.targets[0]), int(data.apply("decisions.csv").targets[0])
        (0, 1)
        """
        return apply_decisions(self, decisions)

    def item_id(self, row: int) -> str:
        """Return the relative path of a file, or the row's number and content hash."""
        if self.files is not None:
            return self.files[row]
        return f"{row}-{self.keys[row]:016x}"

    def id_keys(self, rows: IntArray) -> Keys:
        """Return a 64-bit key of each picture's name and content."""
        return mix(super().id_keys(rows) + self.keys[rows])

    def content_ids(self, rows: IntArray) -> Keys:
        """Return a 64-bit hash of each picture's content."""
        return self.keys[rows]

    def show_item(self, row: int) -> dict[str, Any]:
        """Return {"png": bytes} of the picture as the model gets it, before augmentation."""
        pixels = self.pictures.take(torch.tensor([row]))[0].cpu()
        if pixels.dtype != torch.uint8:
            low, high = self.preprocessor.value_range
            pixels = ((pixels - low) * (255.0 / (high - low))).clamp(0, 255).round().byte()
        stream = io.BytesIO()
        picture(pixels.numpy()).save(stream, "PNG")
        return {"png": stream.getvalue()}

    def flat_features(self, rows: IntArray) -> NDArray[np.float32]:
        """Return [len(rows), features] pixels in 0..1, shrunk until they are at most 1,024."""
        channels, height, width = self.preprocessor.decoder.shape
        shrink = max(1.0, (channels * height * width / _LINEAR_FEATURES) ** 0.5)
        size = (max(1, int(height / shrink)), max(1, int(width / shrink)))
        low, high = self.preprocessor.value_range
        parts = [
            adaptive_avg_pool2d(self.pictures.take(piece).cpu().to(torch.float32), size)
            for piece in torch.split(torch.from_numpy(np.asarray(rows, dtype=np.int64)), 512)
        ]
        flat: NDArray[np.float32] = torch.cat(parts).flatten(1).sub_(low).div_(high - low).numpy()
        return flat

    def findings(self) -> list[Finding]:
        """Look for trouble before training: see the codes in docs/findings.md."""
        found = find_trouble(
            self.pictures,
            self.values,
            self.target,
            self.splits,
            white=self.preprocessor.value_range[1] - self.preprocessor.value_range[0],
            item_id=self.item_id,
            headers=self.headers,
            facts=self.facts,
        )
        if self.outside is not None:
            known = (self.values, self.target.labels, self.item_id)
            found += point_findings(self.outside, *known)
        return worst_first(found)

    def fingerprint(self) -> str:
        """Return a SHA-256 over names, contents and targets of all rows."""
        digest = hashlib.sha256(self.keys.astype("<u8").tobytes())
        digest.update("\n".join(self.files or ()).encode("utf-8", "surrogateescape"))
        digest.update("\n".join(self.target.labels).encode("utf-8", "surrogateescape"))
        digest.update(self.values.numpy().tobytes())
        digest.update(self.decided.encode())
        return digest.hexdigest()

    def model_arguments(self) -> dict[str, Any]:
        """Return channels and size (one number for a square, else [height, width])."""
        channels, height, width = self.preprocessor.decoder.shape
        return {"channels": channels, "size": height if height == width else [height, width]}

    def describe(self) -> dict[str, Any]:
        """Return counts per split and class, sizes and where the pixels are held."""
        ready = self.preprocessor
        return {
            "kind": self.kind,
            "name": self.name,
            "rows": len(self.keys),
            "target": self.target.name,
            "labels": list(self.target.labels),
            "splits": self.counts(),
            "channels": ready.channels,
            "size": [ready.height, ready.width],
            "fit": ready.fit,
            "mean": list(ready.mean),
            "std": list(ready.std),
            "in_memory": self.pictures.resident,
            "augment": dataclasses.asdict(self.augment) if self.augment else None,
            "formats": dict(Counter(header.format for header in self.headers or ())),
            "set_aside": len(self.bad_items),
        }
