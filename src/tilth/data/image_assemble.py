"""From pictures and labels that have been read to a data set: splits, labels, statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.augment import Augment, Wish, choose_augment
from tilth.data.class_findings import unseen_notes
from tilth.data.dataset import NO_TARGET, BadItem, IntArray, Kind, SplitNote, Store, Target
from tilth.data.decoder import Decoder
from tilth.data.image_findings import Facts
from tilth.data.image_partners import PartnersRead
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_set import ImageData
from tilth.data.image_statistics import ChannelStatistics, channel_statistics
from tilth.data.keys import mix
from tilth.data.label_order import sorted_labels
from tilth.data.likely_task import if_numbers, if_several
from tilth.data.mask_decoder import VOID
from tilth.data.open_image import Header
from tilth.data.places import only_inside
from tilth.data.split import complete, split
from tilth.errors import UserError, nearest
from tilth.wording import counted

_MASKS_AT_ONCE = 256  # that are looked at

Labels = Any
"""A value per picture: see ``Gathered``."""


@dataclass
class Gathered:
    """Pictures that have been read, before they are split.

    labels: class names, numbers to predict (float64 [rows]), labels of each (tuples of texts), or
    points ([rows, P, 2] in px of the pictures as they are held); None where nothing is wanted
    kind: which of these; names: of labels, points or the classes of masks; target: what is wanted,
        where it has a name
    wanted: masks or pictures that are wanted
    given: the splits that the source has
    keys: [rows] 64-bit content hashes; files, headers: None for arrays
    value_range: black and white; None to take the range of the training rows
    """

    name: str
    store: Store
    labels: Labels | None
    given: Mapping[str, IntArray]
    keys: NDArray[np.uint64]
    decoder: Decoder
    kind: Kind = "classes"
    names: tuple[str, ...] = ()
    target: str = ""
    wanted: PartnersRead | None = None
    dtype: Literal["uint8", "float32"] = "uint8"
    value_range: tuple[float, float] | None = (0.0, 255.0)
    files: list[str] | None = None
    headers: list[Header] | None = None
    facts: Facts = field(default_factory=Facts)
    notes: list[str] = field(default_factory=list)


def assemble(
    gathered: Gathered,
    *,
    split_seed: int,
    fractions: Sequence[float],
    augment: Wish,
    max_bad: float,
) -> ImageData:
    """Split, name the classes, measure the training rows.

    augment: True for the defaults of this size, some fields of ``Augment`` that differ from
        them, or False for none
    Raises UserError where over ``max_bad`` of the rows have a label that train lacks.
    """
    notes, facts = list(gathered.notes), gathered.facts
    gathered, outside = _seen_points(gathered, notes)
    splits = _split(gathered, split_seed, fractions, notes)
    target, values = _target(gathered, splits["train"])
    splits = _without_unseen(gathered, target, splits, max_bad)
    notes += unseen_notes(facts.unseen, "picture")
    splits = _without_unsaid(gathered, values, splits, notes)
    measured = channel_statistics(gathered.store, splits["train"])
    splits = _without_unreadable(gathered, measured.unreadable, splits, notes)
    if measured.rows < len(splits["train"]):
        said = f"mean and deviation are from {measured.rows:,} training pictures"
        notes.append(SplitNote(said))
    lacking = {item: label for label, items in facts.unseen.items() for item in items}
    unseen = [
        BadItem(name, f"label {label!r} is in no training picture")
        for name, label in lacking.items()
    ]
    return ImageData(
        gathered.name,
        target,
        splits,
        notes,
        [*facts.unreadable, *facts.not_pictures, *facts.gaps, *unseen],
        preprocessor=_preprocessor(gathered, splits["train"], measured, notes),
        pictures=gathered.store,
        values=values,
        partners=None if gathered.wanted is None else gathered.wanted.store,
        keys=_keys(gathered),
        files=gathered.files,
        headers=gathered.headers,
        augment=_augment(augment, gathered, notes),
        facts=facts,
        outside=outside,
    )


def _seen_points(gathered: Gathered, notes: list[str]) -> tuple[Gathered, NDArray[np.bool_] | None]:
    """Take points away that lie outside of what is seen, and return which these are."""
    if gathered.kind != "points" or gathered.labels is None:
        return gathered, None
    sides = gathered.decoder
    labels, outside = only_inside(gathered.labels, sides.width, sides.height)
    if outside.any():
        said = counted(int(outside.sum()), "point lies", "points lie")
        notes.append(f"{said} outside of what is seen, and count as not there")
    return dataclasses.replace(gathered, labels=labels), outside


def _split(
    gathered: Gathered, seed: int, fractions: Sequence[float], notes: list[str]
) -> dict[str, IntArray]:
    # equal content has an equal key and is kept in one split, so that copies do not leak
    strata: list[str] | None = None
    numbers: NDArray[np.float64] | None = None
    if gathered.kind == "number":
        numbers = np.asarray(gathered.labels)
    elif gathered.kind == "classes" and gathered.labels is not None:
        strata = list(gathered.labels)
    if not gathered.given:
        splits = split(
            gathered.keys, strata=strata, numbers=numbers, fractions=fractions, seed=seed
        )
        how = f"split by content, split_seed={seed}"
    else:
        splits = complete(
            gathered.given,
            gathered.keys,
            strata=strata,
            numbers=numbers,
            fractions=_of_train(fractions, gathered.given),
            seed=seed,
        )
        missing = [name for name in ("valid", "test") if name not in gathered.given]
        how = f"{' and '.join(missing)} taken out of train" if missing else "splits as given"
    counts = ", ".join(f"{name} {len(rows):,}" for name, rows in splits.items())
    notes.append(SplitNote(f"{how}: {counts}"))
    return splits


def _of_train(fractions: Sequence[float], given: Mapping[str, IntArray]) -> tuple[float, ...]:
    """Return fractions in which what is missing is so much of the given train part."""
    train, *others = fractions
    for place, name in enumerate(("valid", "test")):
        if name in given:
            train, others[place] = train + others[place], 0.0
    return (train, *others)


def _target(gathered: Gathered, train: IntArray) -> tuple[Target, Tensor]:
    labels, kind, names = gathered.labels, gathered.kind, gathered.names
    if labels is None:
        return NO_TARGET, NO_TARGET.encode(range(len(gathered.keys)))
    if kind in ("mask", "picture", "points"):
        sides = gathered.decoder
        scale = sides.width / sides.height if kind == "points" else 1.0
        values = () if gathered.wanted is None else gathered.wanted.values
        target = Target(kind, kind, labels=names, scale=scale, values=values)
        return target, target.encode(labels)
    if kind == "number":
        numbers = np.asarray(labels)
        target = Target(gathered.target or "value", "number").fitted(numbers[train])
        return target, target.encode(numbers.tolist())
    if kind == "labels":
        known = names or sorted_labels([label for row in train for label in labels[row]])
        target = Target(gathered.target or "labels", "labels", labels=known)
        return target, target.encode(labels)
    known = sorted_labels([labels[row] for row in train])
    target = Target(gathered.target or "label", "classes", labels=known)
    return target, target.encode(labels)


def _keys(gathered: Gathered) -> NDArray[np.uint64]:
    """Return the content hashes of rows: of pictures, with what is wanted where that is files."""
    return gathered.keys if gathered.wanted is None else mix(gathered.keys + gathered.wanted.keys)


def _without_unseen(
    gathered: Gathered,
    target: Target,
    splits: dict[str, IntArray],
    max_bad: float,
) -> dict[str, IntArray]:
    """Take rows with a label that train lacks out of the splits; too many are an error."""
    if target.kind not in ("classes", "labels"):
        return splits
    lacking = _lacking(gathered.labels, target)
    unseen: dict[str, list[str]] = {}
    for row, labels in lacking.items():
        name = gathered.files[row] if gathered.files else f"row {row}"
        for label in labels:
            unseen.setdefault(label, []).append(name)
    if len(lacking) > max_bad * len(gathered.keys):
        raise UserError(
            f"{len(lacking)} of {len(gathered.keys)} pictures have a label that no training "
            "picture has: "
            + ", ".join(f"{label!r} ({len(items)})" for label, items in unseen.items()),
            rule="what is not in train cannot be learned",
            choices=target.labels,
            fix=_meant(list(unseen), target, gathered.labels),
        )
    gathered.facts.unseen = unseen
    return {name: rows[~np.isin(rows, list(lacking))] for name, rows in splits.items()}


def _meant(unseen: Sequence[str], target: Target, labels: Labels) -> str:
    """Return what to do about labels that train lacks: another task, another spelling, or more."""
    more = "add such pictures to train, or take them out"
    known, is_one = [*unseen, *target.labels], target.kind == "classes"
    task = if_numbers(known) if is_one or all(len(said) < 2 for said in labels) else ""
    task = task or (if_several(known) if is_one else "")
    if task:
        return f"{task}; else {more}"
    guesses = {label: nearest(label, target.labels) for label in unseen}
    spelled = [f"{label!r} may be {guess!r}" for label, guess in guesses.items() if guess]
    return " and ".join(spelled) or more


def _lacking(labels: Labels, target: Target) -> dict[int, list[str]]:
    """Return row -> those of its labels that the target lacks, for the rows that have such."""
    known = set(target.labels)
    each = ([str(one)] if target.kind == "classes" else one for one in labels)
    found = {row: [one for one in said if one not in known] for row, said in enumerate(each)}
    return {row: missing for row, missing in found.items() if missing}


def _without_unsaid(
    gathered: Gathered, values: Tensor, splits: dict[str, IntArray], notes: list[str]
) -> dict[str, IntArray]:
    """Take pictures of which nothing is said, neither a pixel's class nor a point, out."""
    if gathered.kind == "mask" and gathered.wanted is not None:
        having, fix = "a mask that is void all over", "look at the masks, and at void"
        unsaid = _void(gathered.wanted.store)
    elif gathered.kind == "points":
        having, fix = "no point", "look at the points: one outside of its picture is not there"
        unsaid = values.sum(dim=2).isnan().all(dim=1).nonzero()[:, 0].tolist()
    else:
        return splits
    if not unsaid:
        return splits
    for row in unsaid:
        name = gathered.files[row] if gathered.files else f"row {row}"
        gathered.facts.gaps.append(BadItem(name, f"it has {having}"))
    found = {name: rows[~np.isin(rows, unsaid)] for name, rows in splits.items()}
    needed = ("train", "valid", "test")  # and calibrate may be empty
    empty = [name for name in needed if len(found[name]) == 0 < len(splits[name])]
    if empty:
        raise UserError(
            f"every picture of {', '.join(empty)} has {having}",
            rule="nothing is learned or judged where nothing is said",
            fix=fix,
        )
    told = counted(len(unsaid), "picture is", "pictures are")
    notes.append(f"{told} left out for having {having}")
    return found


def _void(masks: Store) -> list[int]:
    """Return the rows whose mask is void all over."""
    found: list[int] = []
    for rows in torch.split(torch.arange(len(masks)), _MASKS_AT_ONCE):
        found += rows[(masks.take(rows) == VOID).flatten(1).all(dim=1)].tolist()
    return found


def _without_unreadable(
    gathered: Gathered, bad: Mapping[int, str], splits: dict[str, IntArray], notes: list[str]
) -> dict[str, IntArray]:
    """Take files that could not be decoded when they were measured out of the splits."""
    if not bad:
        return splits
    names = gathered.files or []
    gathered.facts.unreadable += [BadItem(names[row], reason) for row, reason in bad.items()]
    notes.append(
        counted(
            len(bad),
            "picture turned out not to be readable and is set aside",
            "pictures turned out not to be readable and are set aside",
        )
    )
    return {name: rows[~np.isin(rows, list(bad))] for name, rows in splits.items()}


def _augment(wish: Wish, gathered: Gathered, notes: list[str]) -> Augment | None:
    decoder = gathered.decoder
    chosen, why = choose_augment(wish, min(decoder.height, decoder.width), decoder.channels)
    asked = isinstance(wish, Augment) or (isinstance(wish, Mapping) and "flip" in wish)
    if chosen is not None and chosen.flip and gathered.kind == "points" and not asked:
        chosen = dataclasses.replace(chosen, flip=False)
        why = why.removeprefix("flip, ")
        why += "; no flip, which would make a left point a right one"
    if not isinstance(wish, Augment):
        notes.append(f"augmentation, for tasks that vary their pictures: {why}")
    return chosen


def _preprocessor(
    gathered: Gathered, train: IntArray, measured: ChannelStatistics, notes: list[str]
) -> ImagePreprocessor:
    bounds = gathered.value_range
    if bounds is None:
        raw = gathered.store.take(torch.from_numpy(train))
        bounds = (float(raw.min()), float(raw.max()))
        if bounds[0] == bounds[1]:
            bounds = (bounds[0], bounds[0] + 1.0)
        notes.append(f"pixels are floats from {bounds[0]:g} (black) to {bounds[1]:g} (white)")
    decoder = gathered.decoder
    return ImagePreprocessor(
        decoder.height,
        decoder.width,
        decoder.channels,
        measured.mean,
        measured.std,
        fit=decoder.fit,
        value_range=bounds,
        dtype=gathered.dtype,
        max_pixels=decoder.max_pixels,
    )
