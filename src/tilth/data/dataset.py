"""What every kind of data offers to the rest of tilth: the contracts of this room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tilth import console
from tilth.data.keys import Ids, Keys, content_keys
from tilth.data.split_record import split_record
from tilth.data.usual import Usual
from tilth.errors import UserError
from tilth.randomness import numpy_generator
from tilth.wording import counted, sentence

IntArray = NDArray[np.int64]
Kind = Literal["classes", "labels", "number", "points", "mask", "picture", "reward", "none"]
SPLITS = ("train", "valid", "calibrate", "test")
USES = {
    "train": "learning",
    "valid": "choosing: when to stop, which weights to keep",
    "calibrate": "setting the temperature or the width of intervals",
    "test": "the scores, once",
}
"""What the rows of each split are for; only train ever moves a weight."""


@dataclass(frozen=True)
class Target:
    """What is wanted: one of ``labels``, a number standardised with train statistics, or reward.

    Of pictures also: "labels", any number of them; "points", one place per label (``scale`` is then
    the pictures' width over height); "mask", a label per pixel; "picture", another one. Of the kind
    "none" where nothing is: rows alone, for tasks that need no more.
    values: what stands for each label in files of masks, and last for what is not said; labels'
    places and 255 where there are none

    >>> Target("kind", "classes", labels=("cat", "dog")).encode(["dog", "cat"])
    tensor([1, 0])
    """

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    values: tuple[int, ...] = ()

    def encode(self, values: Sequence[Any]) -> Tensor:
        """Return class ids (int64) or standardised numbers (float32), one per value.

        Of labels 0 or 1 for each (float32 [N, K]), of points their places (float32 [N, P, 2]).
        A class that is not known becomes -1, other labels that are not known are left out; where
        nothing is wanted, or what is wanted lies in a store, each is 0.
        """
        if self.kind in ("none", "mask", "picture"):
            return torch.zeros(len(values), dtype=torch.int64)
        if self.kind == "classes":
            index = {label: i for i, label in enumerate(self.labels)}
            return torch.tensor([index.get(str(value), -1) for value in values])
        if self.kind == "labels":
            return torch.tensor(
                [[float(label in value) for label in self.labels] for value in values]
            )
        if self.kind == "points":
            return torch.as_tensor(np.asarray(values, dtype=np.float32))
        numbers = torch.as_tensor(np.asarray(values, dtype=np.float64))
        return ((numbers - self.mean) / self.scale).float()

    def fitted(self, known: ArrayLike) -> Target:
        """Return a number's target with the mean and spread of the training values ``known``.

        >>> Target("price", "number").fitted([1.0, 3.0]).encode([3.0]).tolist()
        [1.0]
        """
        numbers = np.asarray(known, dtype=np.float64)
        return replace(self, mean=float(numbers.mean()), scale=float(numbers.std()) or 1.0)

    def to_config(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Target:
        """Read what ``to_config`` gave."""
        lists = {name: tuple(config.get(name, ())) for name in ("labels", "values")}
        return cls(**{**config, **lists})


NO_TARGET = Target("", "none")
ItemId = Callable[[int], str]
"""From a row to its name."""
MOST_ITEMS = 100
"""Rows or files that a finding names."""


@dataclass(frozen=True)
class Finding:
    """Something ``check`` saw: a stable code, how bad it is, in words, and what to do.

    items: ids of the rows or files it is about (the first hundred)
    """

    code: str
    severity: Literal["error", "warning", "info"]
    what: str
    fix: str = ""
    items: tuple[str, ...] = ()


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return errors, then warnings, then information, each in the order given."""
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


@dataclass(frozen=True)
class BadItem:
    """A file or row that was set aside, and why."""

    item: str
    reason: str


class Preprocessor(Protocol):
    """From what a user has (a path, a picture, a frame) to model inputs; goes into the bundle."""

    kind: ClassVar[str]  # closed set: "images", "table"

    def __call__(self, raw: Any) -> Any:
        """Return model inputs for ``raw`` (a list of items, or a frame), first dimension rows."""
        ...

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        ...


class Store(Protocol):
    """Holds the raw inputs of a data set and hands out whole batches of them."""

    resident: bool  # in memory as contiguous tensors

    def __len__(self) -> int: ...

    def take(self, rows: Tensor, epoch: int = 0) -> Any:
        """Return the raw inputs of ``rows`` (a tree of tensors, first dimension len(rows))."""
        ...

    def prefetch(self, rows: Tensor, epoch: int = 0) -> None:
        """Say which rows will be asked for soon; may do nothing."""
        ...

    def keyed(self, seed: int) -> Store:
        """Return the store with what it draws at random keyed by ``seed``; itself if nothing."""
        ...

    def to(self, device: torch.device) -> Store:
        """Return the store with its tensors on ``device`` where it is resident, else itself."""
        ...


class Prepare(Protocol):
    """From a store's raw batch to model inputs, as whole tensors on the device.

    ``keys`` are the [B] int64 row ids that random numbers are keyed by.
    """

    def __call__(self, raw: Any, keys: Tensor, epoch: int) -> Any:
        """Return the model inputs of a raw batch."""
        ...


def as_they_are(raw: Any, keys: Tensor, epoch: int) -> Any:
    """Return a raw batch as it is: the ``Prepare`` of what needs no change."""
    return raw


class SplitNote(str):
    """A note that holds for one way of splitting the rows, and not for another."""

    __slots__ = ()


@dataclass
class Data(ABC):
    """What is learned from, split into train, valid, calibrate and test.

    target: what is predicted
    splits: split name -> ids of rows (or of episodes), disjoint
    notes: what was inferred and why, in words
    bad_items: what was set aside
    origin: the settings that read it (empty for data that lives in memory only)
    """

    name: str
    target: Target
    splits: dict[str, IntArray]
    notes: list[str] = field(default_factory=list)
    bad_items: list[BadItem] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)

    kind: ClassVar[str]
    usual: ClassVar[Usual]
    preprocessor: Preprocessor = field(init=False)

    def __repr__(self) -> str:
        rows = ", ".join(f"{split} {len(chosen):,}" for split, chosen in self.splits.items())
        aside = len(self.bad_items)
        listed = f"{counted(aside, 'item')} set aside: data.check() or tilth check lists them"
        said = [*self.notes, *([listed] if aside else [])]
        return "\n".join([f"{self.name}: {rows}", *(f"  - {note}" for note in said)])

    def _repr_html_(self) -> str:
        rows = {split: f"{len(chosen):,} rows" for split, chosen in self.splits.items()}
        return console.html_table({**rows, "notes": self.notes}, self.name)

    def check(self) -> list[Finding]:
        """Look for trouble before training: say each finding and return them, worst first."""
        found = worst_first(self.findings())
        for finding in found:
            fix = f" {sentence(finding.fix)}" if finding.fix else ""
            console.say(f"{finding.severity}: {finding.what} [{finding.code}].{fix}")
        if not found:
            console.say("nothing found that needs mending")
        return found

    def usual_network(self) -> dict[str, Any]:
        """Return arguments of the usual net that depend on this data; none, where none do."""
        return {}

    @abstractmethod
    def item_id(self, row: int) -> str:
        """Return the stable name of a row: a relative path, or the row's number and content."""

    def item_ids(self, rows: IntArray) -> list[str]:
        """Return the names of many rows."""
        return [self.item_id(int(row)) for row in rows]

    def id_keys(self, rows: IntArray) -> Keys:
        """Return a 64-bit key of each row's name, to tell whether two sets of rows are one."""
        return content_keys(self.item_ids(rows), seed=0)

    def split_record(self, split: str) -> dict[str, Any]:
        """Return what data.json says of a split: see ``data/split_record.py``."""
        rows = self.splits[split]
        return split_record(rows, self.id_keys(rows))

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Look for trouble before training: see the codes in docs/findings.md."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a SHA-256 over ids, contents (or sizes and times) and targets."""

    @abstractmethod
    def model_arguments(self) -> dict[str, Any]:
        """Return what a model builder must know: channels and size, or cardinalities."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return counts per split and class, sizes or columns, for printing and the report."""


@dataclass(repr=False)
class Rows(Data):
    """A data set: rows with inputs and targets, in a store that hands out batches of them."""

    def show(self, count: int = 10, *, seed: int = 0) -> Any:
        """Return some training rows: a figure of pictures, or a frame of table rows."""
        from tilth.data.show import show_rows

        train = self.splits["train"]
        rows = np.sort(numpy_generator(seed, "look").permutation(train)[:count])
        return show_rows(self, rows, [self.true_answer(int(row)) for row in rows], "true answer")

    def true_answer(self, row: int) -> str:
        """Return in words what a row's target is; empty where it has none, or one to be drawn."""
        if self.target.kind not in ("classes", "labels", "number"):
            return ""
        if self.target.kind == "labels":
            there = zip(self.target.labels, self.targets[row].tolist(), strict=True)
            return ", ".join(label for label, present in there if present) or "none"
        value = float(self.targets[row])
        if self.target.kind == "classes":
            return self.target.labels[int(value)] if value >= 0 else ""
        return f"{value * self.target.scale + self.target.mean:.4g}"

    @property
    @abstractmethod
    def store(self) -> Store:
        """The raw inputs of all rows."""

    @property
    @abstractmethod
    def targets(self) -> Tensor:
        """[rows] int64 class ids (0 where nothing is wanted) or float32 standardised numbers.

        Of labels float32 [rows, K], of points float32 [rows, P, 2].
        """

    @property
    def wanted(self) -> Tensor | Store:
        """What a batch's targets are taken from: ``targets``, or a store of larger ones."""
        return self.targets

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return split -> {"rows": how many, "classes" or "labels": label -> how many}."""
        found: dict[str, dict[str, Any]] = {}
        values, labels = self.targets.cpu().numpy(), self.target.labels
        for name, rows in self.splits.items():
            found[name] = {"rows": len(rows)}
            if self.target.kind == "classes":
                known = values[rows]
                per_class = np.bincount(known[known >= 0], minlength=len(labels))
                found[name]["classes"] = dict(zip(labels, per_class.tolist(), strict=True))
            elif self.target.kind == "labels":
                per_label = values[rows].sum(axis=0).astype(np.int64)
                found[name]["labels"] = dict(zip(labels, per_label.tolist(), strict=True))
        return found

    def with_splits(self, splits: dict[str, IntArray]) -> Rows:
        """Return the same rows split otherwise, with all statistics from the new train rows."""
        raise NotImplementedError

    @abstractmethod
    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the batch transform: with augmentation for train, without otherwise."""

    def follow(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the transform of a batch's targets that goes with ``prepare`` of the same."""
        return as_they_are

    def content_ids(self, rows: IntArray) -> Ids:
        """Return what copies of a row share: content hashes, or names where none are kept."""
        return self.item_ids(rows)

    @abstractmethod
    def show_item(self, row: int) -> dict[str, Any]:
        """Return {"png": bytes} for a picture or {"row": {column: value}} for a table row."""

    @abstractmethod
    def flat_features(self, rows: IntArray) -> NDArray[np.float32]:
        """Return [len(rows), features] plain numbers for a linear baseline."""


def as_rows(data: Data) -> Rows:
    """Return the data as a data set; raise UserError where it is none."""
    if isinstance(data, Rows):
        return data
    raise UserError(
        f"{data.name} where rows are needed",
        rule="one data set has rows; a world is acted in, and two domains are two sets",
        fix="name another task: task='adapt' or 'translate' (--task) for two sets of pictures, "
        "task='control' in a world",
    )
