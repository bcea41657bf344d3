"""What can be wrong with a set of pictures: classes, files, copies, blanks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.class_findings import class_findings, unseen_finding
from tilth.data.dataset import (
    MOST_ITEMS,
    BadItem,
    Finding,
    IntArray,
    ItemId,
    Store,
    Target,
    worst_first,
)
from tilth.data.image_copy_findings import copy_findings, near_copy_findings
from tilth.data.image_duplicates import Looks, look
from tilth.data.image_file_findings import file_findings
from tilth.data.image_files import OR_LABELS
from tilth.data.open_image import Header
from tilth.data.readable_rows import unreadable_rows
from tilth.wording import counted

_MOST_ROWS = 200_000  # in memory; about half a minute
_MOST_DECODED_ROWS = 20_000  # where every picture has to be decoded to be looked at


@dataclass
class Facts:
    """What was seen while reading: files that could not be read, files that are no pictures,
    labels that train lacks (label -> items), class folders without pictures, gaps between
    labels and pictures.
    """

    unreadable: list[BadItem] = field(default_factory=list)
    not_pictures: list[BadItem] = field(default_factory=list)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    empty_classes: list[str] = field(default_factory=list)
    gaps: list[BadItem] = field(default_factory=list)


def find_trouble(
    store: Store,
    values: Tensor,
    target: Target,
    splits: Mapping[str, IntArray],
    *,
    white: float,
    item_id: ItemId,
    headers: Sequence[Header] | None = None,
    facts: Facts | None = None,
) -> list[Finding]:
    """Return the findings of a set of pictures, errors first.

    values: [rows] class ids or numbers; white: the range of the pixel values
    headers: per row, for sets read from files
    """
    found = _read_findings(facts or Facts())
    labels = _alike_ids(values)
    if target.kind == "none":
        found.append(_no_targets())
    if target.kind == "classes":
        found += class_findings(labels, target.labels, splits, item_id, rows_word="pictures")
    rows = np.sort(np.concatenate(list(splits.values())))
    if not store.resident:
        bad = unreadable_rows(store, rows)
        found += _undecodable(bad, item_id)
        rows = rows[~np.isin(rows, list(bad))]
    rows, limited = _rows_to_look_at(store, rows)
    looks = look(store, rows, white)
    found += limited
    split_of = np.full(len(store), "", dtype=object)
    for name, members in splits.items():
        split_of[members] = name
    found += copy_findings(looks, labels, splits, split_of, item_id)
    found += near_copy_findings(store, looks, white, splits, split_of, item_id)
    found += _blank(looks, item_id)
    found += _no_colour(looks, store.take(torch.from_numpy(rows[:1])).shape[1])
    if headers is not None:
        classes = labels if target.kind == "classes" else None
        found += file_findings(headers, classes, item_id)
    return worst_first(found)


def _alike_ids(values: Tensor) -> NDArray[Any]:
    """Return [rows] numbers that are equal where what is wanted of two rows is."""
    if values.dim() == 1:
        return np.asarray(values.numpy())
    flat = np.nan_to_num(values.flatten(1).numpy(), nan=-1.0)
    return np.asarray(np.unique(flat, axis=0, return_inverse=True)[1]).reshape(-1)


def _no_targets() -> Finding:
    what = "nothing says what each picture shows: tasks that need a target cannot learn from them"
    return Finding("no_targets", "info", what, f"to tell kinds apart, {OR_LABELS}")


def _named(bad: Sequence[BadItem]) -> tuple[str, ...]:
    return tuple(f"{one.item}: {one.reason}" for one in bad[:MOST_ITEMS])


def _read_findings(facts: Facts) -> list[Finding]:
    found = []
    if facts.unreadable:
        found.append(
            Finding(
                "unreadable",
                "warning",
                counted(
                    len(facts.unreadable),
                    "picture cannot be read and was set aside",
                    "pictures cannot be read and were set aside",
                ),
                "repair or delete them",
                _named(facts.unreadable),
            )
        )
    if facts.gaps:
        found.append(
            Finding(
                "label_gaps",
                "warning",
                "pictures without a label, or labels without a picture: "
                + counted(len(facts.gaps), "gap"),
                "complete the labels, or move away what has none",
                _named(facts.gaps),
            )
        )
    if facts.not_pictures:
        found.append(
            Finding(
                "not_pictures",
                "info",
                counted(len(facts.not_pictures), "other file is", "other files are") + " not used",
                "",
                _named(facts.not_pictures),
            )
        )
    if facts.unseen:
        found.append(unseen_finding(facts.unseen, "picture"))
    if facts.empty_classes:
        found.append(
            Finding(
                "empty_class",
                "warning",
                f"class folders without a picture: {', '.join(facts.empty_classes[:10])}",
                "fill or delete them",
                tuple(facts.empty_classes[:MOST_ITEMS]),
            )
        )
    return found


def _undecodable(bad: Mapping[int, str], item_id: ItemId) -> list[Finding]:
    if not bad:
        return []
    return [
        Finding(
            "undecodable",
            "error",
            counted(len(bad), "picture") + " cannot be decoded; training would stop there",
            "repair or delete them",
            tuple(f"{item_id(row)}: {reason}" for row, reason in list(bad.items())[:MOST_ITEMS]),
        )
    ]


def _rows_to_look_at(store: Store, rows: IntArray) -> tuple[IntArray, list[Finding]]:
    most = _MOST_ROWS if store.resident else _MOST_DECODED_ROWS
    if len(rows) <= most:
        return rows, []
    chosen = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    what = f"copies and blanks were looked for among {most:,} of {len(rows):,} pictures"
    return chosen, [Finding("limited", "info", what)]


def _blank(looks: Looks, item_id: ItemId) -> list[Finding]:
    blank = looks.rows[looks.constant].tolist()
    if not blank:
        return []
    return [
        Finding(
            "blank",
            "warning",
            counted(len(blank), "picture is", "pictures are") + " of one colour throughout",
            "a failed download or export? Look, and replace or delete",
            tuple(item_id(row) for row in blank[:MOST_ITEMS]),
        )
    ]


def _no_colour(looks: Looks, channels: int) -> list[Finding]:
    if channels == 1 or not looks.colourless.all():
        return []
    what = "no picture holds colour, yet each has three channels"
    return [Finding("no_colour", "info", what, "grey=True is faster and learns the same")]
