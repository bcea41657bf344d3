"""The user's own torch data sets as data: their items are (inputs, target)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset, default_collate

from tilth.data.dataset import Data, Finding, IntArray, Prepare, Target
from tilth.data.item_store import Collate, Items, ItemStore, fetch
from tilth.data.split import split
from tilth.errors import UserError
from tilth.tree import leaves
from tilth.wording import counted

_FINGERPRINTED = 64  # items, evenly spaced: enough to see that data was changed, in no time


class OwnPreprocessor:
    """Collates what the user prepared: a bundle of such a model needs the same code beside it."""

    kind: ClassVar[str] = "own"

    def __init__(self, collate: Collate = default_collate) -> None:
        self.collate = collate

    def __call__(self, raw: Any) -> Any:
        """Return tensors as they are, and a list of inputs collated."""
        return raw if isinstance(raw, Tensor) else self.collate(list(raw))

    def to_config(self) -> dict[str, Any]:
        """Return nothing: the preparation is the user's code."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> OwnPreprocessor:
        """Return one that collates as torch does."""
        return cls()


class OwnData(Data):
    """Data sets given as Python objects; inputs are whatever the model takes.

    Targets are read once, item by item, to know the classes and to split by them.
    """

    kind: ClassVar[str] = "dataset"

    def __init__(
        self,
        parts: Mapping[str, Items],
        *,
        labels: Sequence[str] | None,
        workers: int,
        collate: Collate,
        split_seed: int,
        fractions: tuple[float, float, float],
    ) -> None:
        self.items: ConcatDataset[Any] = ConcatDataset(list(parts.values()))  # type: ignore[arg-type]
        self.workers, self.collate = workers, collate
        values = fetch(self.items, range(len(self.items)), keep=item_target)
        target, encoded = infer_target(values, labels)
        super().__init__(
            "own data", target, own_splits(parts, values, target, split_seed, fractions)
        )
        if target.kind == "number":
            known = encoded[torch.from_numpy(self.splits["train"])].double()
            self.target = target.fitted(known)
            encoded = self.target.encode(values)
        self._targets = encoded
        self.preprocessor = OwnPreprocessor(collate)
        self._store = ItemStore(self.items, workers=workers, collate=collate)
        self.notes.append(
            f"{counted(len(values), 'item')} of your own, read with {counted(workers, 'worker')}"
        )
        self.notes.append(
            f"a run knows its data again by all targets and {min(_FINGERPRINTED, len(values))} "
            "items, evenly spaced; other items are not compared"
        )

    @property
    def store(self) -> ItemStore:
        """The items, read when asked for."""
        return self._store

    @property
    def targets(self) -> Tensor:
        """[rows] class ids or standardised numbers."""
        return self._targets

    def with_splits(self, splits: dict[str, IntArray]) -> OwnData:
        """Return the same items split otherwise."""
        other = copy.copy(self)
        other.splits = splits
        return other

    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the step that takes the inputs out of the collated items."""
        return inputs_of

    def item_id(self, row: int) -> str:
        """Return the item's number."""
        return f"item {row}"

    def show_item(self, row: int) -> dict[str, Any]:
        """Return the shape and range of the item's tensors."""
        item = self._item(row)
        shown = {
            f"tensor {place}": f"{tuple(leaf.shape)} {leaf.dtype}"
            for place, leaf in enumerate(leaves(item))
        }
        return {"row": shown or {"item": str(item)[:200]}}

    def flat_features(self, rows: IntArray) -> NDArray[np.float32]:
        """Return all input tensors of the rows, flattened side by side."""
        inputs = inputs_of(self._store.take(torch.from_numpy(rows)), torch.from_numpy(rows), 0)
        flat = [leaf.reshape(len(rows), -1).float() for leaf in leaves(inputs)]
        return torch.cat(flat, dim=1).numpy()

    def findings(self) -> list[Finding]:
        """Say that nothing is looked at but the balance of classes."""
        what = "the contents of your own items are not looked at"
        return [Finding("own_items", "info", what)]

    def fingerprint(self) -> str:
        """Return a SHA-256 over all targets and the tensors of 64 items, evenly spaced.

        The items are drawn as for row numbers with seed 0, so random transforms do not change it.
        """
        digest = hashlib.sha256(self._targets.numpy().tobytes())
        rows = np.linspace(0, len(self.items) - 1, _FINGERPRINTED).astype(np.int64)
        # collated, arrays and numbers are tensors too
        chosen = fetch(self.items, np.unique(rows).tolist(), keep=lambda it: self.collate([it]))
        for leaf in leaves(chosen):
            raw = leaf.detach().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy().tobytes())
        return digest.hexdigest()

    def model_arguments(self) -> dict[str, Any]:
        """Return channels and size where the inputs are pictures, so that own nets can be named."""
        first = self._item(0)[0]
        if isinstance(first, Tensor) and first.dim() == 3:
            return {"channels": first.shape[0], "size": list(first.shape[1:])}
        return {}

    def _item(self, row: int) -> Any:
        """Return an item without a trace in the caller's random streams."""
        return fetch(self.items, [row])[0]

    def describe(self) -> dict[str, Any]:
        """Return counts per split."""
        return {"items": len(self.items), **{k: len(v) for k, v in self.splits.items()}}


def item_target(item: Any) -> Any:
    """Return the target of an item; raise UserError for items that are not (inputs, target)."""
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise UserError(
            f"an item of type {type(item).__name__}",
            rule="an item of a data set is a pair (inputs, target)",
            fix="return inputs and target from __getitem__",
        )
    target = item[1]
    return target.item() if isinstance(target, Tensor) and target.numel() == 1 else target


def infer_target(values: list[Any], labels: Sequence[str] | None) -> tuple[Target, Tensor]:
    """Return the target and its encoding: whole numbers and texts are classes."""
    if labels is None and all(isinstance(v, float | np.floating) for v in values):
        return Target("target", "number"), torch.tensor(values, dtype=torch.float64)
    if labels is not None and all(isinstance(v, int | np.integer) for v in values):
        return Target("target", "classes", tuple(labels)), torch.tensor(values)
    known = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    target = Target("target", "classes", tuple(str(value) for value in known))
    return target, target.encode(values)


def own_splits(
    parts: Mapping[str, Items],
    values: list[Any],
    target: Target,
    seed: int,
    fractions: tuple[float, float, float],
) -> dict[str, IntArray]:
    """Return the splits given; the missing ones are taken out of train."""
    place, given = 0, {}
    for name, items in parts.items():
        given[name] = np.arange(place, place + len(items), dtype=np.int64)
        place += len(items)
    train = given.pop("train")
    strata = [values[row] for row in train] if target.kind == "classes" else None
    drawn = split([f"item {row}" for row in train], strata=strata, fractions=fractions, seed=seed)
    found = {name: train[rows] for name, rows in drawn.items()}
    if "test" in given:
        found["train"] = np.sort(np.concatenate([found["train"], found.pop("test")]))
        found["test"] = given["test"]
    if "valid" in given:
        taken = np.concatenate([found["train"], found["valid"], found["calibrate"]])
        found["train"] = np.sort(taken)
        half = len(given["valid"]) * 2 // 3
        found["valid"], found["calibrate"] = given["valid"][:half], given["valid"][half:]
    return {name: found[name] for name in ("train", "valid", "calibrate", "test")}


def inputs_of(raw: Any, keys: Tensor, epoch: int) -> Any:
    """Return the inputs of collated (inputs, target) items."""
    return raw[0]


def from_loader(loader: DataLoader[Any]) -> tuple[Dataset[Any], dict[str, Any]]:
    """Return a DataLoader's data set and the settings of it that are kept.

    Its order is not: tilth's own is a function of the seed, so that a run can be resumed.
    Raises UserError for a loader whose sampler carries meaning (weights, own batches).
    """
    kind = type(loader.sampler).__name__ if loader.sampler is not None else "none"
    if kind not in ("RandomSampler", "SequentialSampler") or loader.batch_size is None:
        raise UserError(
            f"a DataLoader with the sampler {kind}",
            rule="tilth orders the rows itself, so that a killed run resumes exactly",
            fix="give the data set; repeat rows in it where some should come more often",
        )
    return loader.dataset, {"workers": loader.num_workers, "collate": loader.collate_fn}
