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

from tilth.data.class_findings import class_findings, unseen_finding, unseen_notes
from tilth.data.dataset import Finding, IntArray, Prepare, Rows
from tilth.data.given_splits import given_splits
from tilth.data.item_store import Collate, Items, ItemStore, fetch
from tilth.data.keys import Keys, mix
from tilth.data.own_targets import item_target, own_targets
from tilth.data.split import complete
from tilth.data.usual import Usual
from tilth.errors import UserError
from tilth.tree import leaves
from tilth.wording import counted

_FINGERPRINTED = 64  # items, evenly spaced: enough to see that data was changed, in no time


class OwnPreprocessor:
    """Collates what the user prepared: a bundle of such a model needs the same code beside it.

    dimensions: how many an item has that is one array; an array with one more holds items
    """

    kind: ClassVar[str] = "own"

    def __init__(self, collate: Collate = default_collate, dimensions: int | None = None) -> None:
        self.collate, self.dimensions = collate, dimensions

    @property
    def own_collate(self) -> str | None:
        """The name of the user's own collate, None for torch's."""
        if self.collate is default_collate:
            return None
        return str(getattr(self.collate, "__name__", type(self.collate).__name__))

    def __call__(self, raw: Any) -> Any:
        """Return tensors as they are, and a list of inputs collated."""
        return raw if isinstance(raw, Tensor) else self.collate(list(raw))

    def to_config(self) -> dict[str, Any]:
        """Return the name of the user's collate and an item's dimensions, where there are any."""
        known = {"collate": self.own_collate, "dimensions": self.dimensions}
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], plugins: Mapping[str, Any] | None = None
    ) -> OwnPreprocessor:
        """Return one that collates as torch does, or by the plugin that the settings name.

        Raises UserError where no plugin has that name: no file brings code.
        """
        name, dimensions = config.get("collate"), config.get("dimensions")
        if not isinstance(dimensions, int | None):
            raise UserError(f"dimensions={dimensions!r}", rule="it is a whole number")
        if name is None:
            return cls(dimensions=dimensions)
        if name not in (plugins or {}):
            raise UserError(
                f"the bundle's items were collated by {name!r}, and no plugin is called so",
                rule="a bundle holds no code: whoever loads it brings the author's",
                fix=f"load(folder, plugins=[..., {name}])",
            )
        return cls((plugins or {})[name], dimensions)


class OwnData(Rows):
    """Data sets given as Python objects; inputs are whatever the model takes.

    Targets are read once, item by item, to know the classes and to split by them.
    """

    kind: ClassVar[str] = "dataset"
    usual: ClassVar[Usual] = Usual(
        model="",
        lr=0.001,
        weight_decay=0.01,
        batch_size=64,
        epochs=(5, 30),
        label_smoothing=0.0,
        baseline_rows=10_000,
        unchecked="The contents of your own items: nothing but targets and answers was looked at.",
    )

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
        self._known = own_targets(values, labels)
        classes = self._known.kind == "classes"
        splits = complete(
            given_splits(rows_of(parts), len(values)),
            [f"item {row}" for row in range(len(values))],
            strata=self._known.values if classes else None,
            numbers=None if classes else self._known.values,
            fractions=fractions,
            seed=split_seed,
        )
        target = self._known.target(splits["train"])
        super().__init__("own data", target, splits)
        self._targets = self._known.encode(target)
        self._leave_out_unseen()
        first = self._item(0)[0]
        dimensions = first.ndim if isinstance(first, Tensor | np.ndarray) else None
        self.preprocessor = OwnPreprocessor(collate, dimensions)
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
        """Return the same items split otherwise, with statistics from the new training items."""
        other = copy.copy(self)
        other.splits = dict(splits)
        if self.target.kind == "number":
            other.target = self._known.target(splits["train"])
            other._targets = self._known.encode(other.target)
        return other

    def _leave_out_unseen(self) -> None:
        """Take items whose class training lacks out of the splits, and keep their names."""
        self._unseen: dict[str, list[str]] = {}
        lost: list[int] = []
        if self.target.kind == "classes":
            lost = np.flatnonzero(self._targets.numpy() < 0).tolist()
        for row in lost:
            self._unseen.setdefault(str(self._known.values[row]), []).append(self.item_id(row))
        self.splits = {name: rows[~np.isin(rows, lost)] for name, rows in self.splits.items()}
        self.notes += unseen_notes(self._unseen, "item")

    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the step that takes the inputs out of the collated items."""
        return inputs_of

    def item_id(self, row: int) -> str:
        """Return the item's number."""
        return f"item {row}"

    def id_keys(self, rows: IntArray) -> Keys:
        """Return a 64-bit key of each item's number and target."""
        return mix(super().id_keys(rows) + self._known.keys()[rows])

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
        """Look at the classes, and say that nothing else is looked at."""
        found = [unseen_finding(self._unseen)] if self._unseen else []
        if self.target.kind == "classes":
            ids, labels = self._targets.numpy(), self.target.labels
            found += class_findings(ids, labels, self.splits, self.item_id, rows_word="items")
        what = "the contents of your own items are not looked at"
        return [*found, Finding("own_items", "info", what)]

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


def rows_of(parts: Mapping[str, Items]) -> dict[str, IntArray]:
    """Return the rows of each data set, laid one after the other."""
    ends = np.cumsum([len(items) for items in parts.values()])
    return {
        name: np.arange(end - len(items), end, dtype=np.int64)
        for (name, items), end in zip(parts.items(), ends, strict=True)
    }


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
