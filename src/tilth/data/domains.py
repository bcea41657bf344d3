"""Two sets of pictures as one kind of data: a source, and a target to adapt or translate to."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tilth.data.dataset import (
    MOST_ITEMS,
    SPLITS,
    BadItem,
    Data,
    Finding,
    IntArray,
    worst_first,
)
from tilth.data.image_set import ImageData
from tilth.data.keys import Keys, mix
from tilth.data.usual import Usual
from tilth.errors import UserError, nearest

SIDES = ("source", "target")


@dataclass(kw_only=True, repr=False)
class Domains(Data):
    """Two sets of pictures of one size; rows are the source's, and after them the target's.

    source, onto: the sets; ``target`` is, as in all data, what the (source's) rows are labelled
    with, ``preprocessor`` that of ``onto``
    """

    source: ImageData
    onto: ImageData

    kind: ClassVar[str] = "images"
    usual: ClassVar[Usual] = Usual(
        model="",
        lr=1e-3,
        weight_decay=0.0,
        batch_size=64,
        epochs=(1, 40),
        label_smoothing=0.0,
        baseline_rows=10_000,
        unchecked="A third domain: pictures that differ from both sets.",
    )

    def __post_init__(self) -> None:
        self.preprocessor = self.onto.preprocessor

    @property
    def labelled(self) -> bool:
        """Whether the target's pictures have labels."""
        return self.onto.target.kind == "classes"

    def sides(self, split: str) -> tuple[IntArray, IntArray]:
        """Return the rows of a split in the source and in the target, each by its own numbers."""
        rows, first = self.splits[split], len(self.source.store)
        return rows[rows < first], rows[rows >= first] - first

    def joined(self, source: IntArray, onto: IntArray) -> IntArray:
        """Return rows of both sets by the numbers that they have here."""
        return np.concatenate([source, onto + len(self.source.store)])

    def with_calibrate_in_train(self) -> Domains:
        """Return the same for tasks that calibrate nothing: those rows are learned from."""
        splits = dict(self.splits)
        splits["train"] = np.concatenate([splits["train"], splits["calibrate"]])
        splits["calibrate"] = splits["calibrate"][:0]
        told = "what would calibrate is learned from: nothing is calibrated here"
        return dataclasses.replace(self, splits=splits, notes=[*self.notes, told])

    def in_range(self, low: float, high: float) -> Domains:
        """Return the same with inputs from ``low`` (black) to ``high`` (white), in both sets."""
        source, onto = self.source.in_range(low, high), self.onto.in_range(low, high)
        return dataclasses.replace(self, source=source, onto=onto)

    def with_common_labels(self) -> Domains:
        """Return the same with the target's labels numbered as the source's are.

        Raises UserError for labels that the source lacks.
        """
        if not self.labelled:
            return self
        labels = self.source.target.labels
        strange = [one for one in self.onto.target.labels if one not in labels]
        if strange:
            guesses = [(one, nearest(one, labels)) for one in strange]
            meant = " and ".join(f"{one!r} may be {guess!r}" for one, guess in guesses if guess)
            raise UserError(
                f"labels of {self.onto.name} that {self.source.name} lacks: "
                f"{', '.join(strange[:10])}",
                rule="the classes are those of the source, under the same names",
                choices=labels,
                fix=f"{meant + '; ' if meant else ''}name them alike, or give the target's "
                "pictures without labels (in one folder, or as an array)",
            )
        places = np.array([labels.index(one) for one in self.onto.target.labels])
        values = self.onto.values.clone()
        known = values >= 0
        values[known] = values.new_tensor(places)[values[known]]
        onto = dataclasses.replace(self.onto, target=self.source.target, values=values)
        return dataclasses.replace(self, onto=onto)

    def item_id(self, row: int) -> str:
        """Return the name of a row in its set, after which set it is."""
        first = len(self.source.store)
        if row < first:
            return f"source/{self.source.item_id(row)}"
        return f"target/{self.onto.item_id(row - first)}"

    def id_keys(self, rows: IntArray) -> Keys:
        """Return a 64-bit key of each picture's name and content, another in each set."""
        first, keys = len(self.source.store), np.zeros(len(rows), np.uint64)
        mine = rows < first
        keys[mine] = self.source.id_keys(rows[mine])
        keys[~mine] = mix(self.onto.id_keys(rows[~mine] - first) + np.uint64(1))
        return keys

    def findings(self) -> list[Finding]:
        """Look for trouble in both sets, and for pictures that are in both."""
        found = []
        for side, data in zip(SIDES, (self.source, self.onto), strict=True):
            found += [
                dataclasses.replace(
                    one,
                    what=f"in the {side} ({data.name}): {one.what}",
                    items=tuple(f"{side}/{item}" for item in one.items),
                )
                for one in data.findings()
            ]
        shared = np.flatnonzero(np.isin(self.onto.keys, self.source.keys))
        if len(shared):
            found.append(
                Finding(
                    "in_both_domains",
                    "warning",
                    f"{len(shared):,} pictures of the target are in the source too",
                    "take them out of one: what the source labels is known of the target",
                    tuple(f"target/{self.onto.item_id(int(row))}" for row in shared[:MOST_ITEMS]),
                )
            )
        return worst_first(found)

    def fingerprint(self) -> str:
        """Return a SHA-256 of the fingerprints of both sets."""
        told = self.source.fingerprint() + self.onto.fingerprint()
        return hashlib.sha256(told.encode()).hexdigest()

    def model_arguments(self) -> dict[str, Any]:
        """Return channels and size, which both sets share."""
        return self.source.model_arguments()

    def describe(self) -> dict[str, Any]:
        """Return what each set says of itself."""
        sets = {"source": self.source.describe(), "onto": self.onto.describe()}
        return {"kind": self.kind, "name": self.name, **sets}


def two_domains(source: ImageData, onto: ImageData) -> Domains:
    """Put two sets of pictures beside each other.

    Raises UserError where they are one set, differ in size, channels or kind of numbers, or lack
    rows.
    """
    if source.fingerprint() == onto.fingerprint():
        raise UserError(
            f"{source.name} and {onto.name} are the same pictures",
            rule="source and target are two sets",
            fix="name the folder of the target",
        )
    _check_alike(source, onto)
    for side, data in zip(SIDES, (source, onto), strict=True):
        for split in ("train", "valid", "test"):
            if not len(data.splits[split]):
                raise UserError(
                    f"the {side} {data.name} has no pictures in {split}",
                    rule="train learns, valid chooses and test judges: each needs pictures",
                    fix="give more pictures, or other fractions",
                )
    first = len(source.store)
    splits = {
        name: np.concatenate([source.splits[name], onto.splits[name] + first]) for name in SPLITS
    }
    notes, aside = [], []
    for side, data in zip(SIDES, (source, onto), strict=True):
        labels = len(data.target.labels)
        named = f"{labels} classes" if labels else "no labels"
        notes.append(f"{side}: {data.name}, {len(data.keys):,} pictures, {named}")
        notes += [f"{side}: {note}" for note in data.notes]
        aside += [BadItem(f"{side}/{bad.item}", bad.reason) for bad in data.bad_items]
    name = f"{source.name}-to-{onto.name}"
    return Domains(name, source.target, splits, notes, aside, source=source, onto=onto)


def _check_alike(source: ImageData, onto: ImageData) -> None:
    """Raise UserError where one net could not take pictures of both sets."""
    here, there = source.preprocessor, onto.preprocessor
    if here.channels != there.channels:
        coloured = SIDES[here.channels < there.channels]
        raise UserError(
            f"the source {source.name} has {here.channels} channels a picture, "
            f"the target {onto.name} {there.channels}",
            rule="one net sees both, so they have the same channels",
            fix=f"read the {coloured} without colour: grey=True (--set data.grey=true); for "
            "arrays, give the other one its channel three times",
        )
    if (here.height, here.width) != (there.height, there.width):
        raise UserError(
            f"the source {source.name} is {here.width} x {here.height} px, the target "
            f"{onto.name} {there.width} x {there.height}",
            rule="one net sees both, so they have one size",
            fix=f"bring both to {here.height} px: size={here.height} where folders are read; "
            "resize arrays",
        )
    if (here.dtype, here.value_range) != (there.dtype, there.value_range):
        raise UserError(
            f"pixels of the source {source.name} are {_told(source)}, of the target "
            f"{onto.name} {_told(onto)}",
            rule="both sets hold the same kind of numbers, or their brightness could not be told",
            fix="give both as uint8, from 0 to 255",
        )


def _told(data: ImageData) -> str:
    low, high = data.preprocessor.value_range
    return f"{data.preprocessor.dtype} from {low:g} to {high:g}"


def as_domains(data: Data, task: str = "this") -> Domains:
    """Return the data as two domains; raise UserError where it is of another kind."""
    if isinstance(data, Domains):
        return data
    raise UserError(
        f"{task} of {data.name}",
        rule="it learns from two sets of pictures, a source and a target",
        fix="tl.domains(source, target), or `tilth train SOURCE --onto TARGET`",
    )
