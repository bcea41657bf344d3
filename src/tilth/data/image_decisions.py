"""Pictures as a person decided about them: relabelled, or taken out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import BadItem, IntArray, SplitNote, Target
from tilth.data.decisions import Decision, digest, in_force, read
from tilth.data.label_order import sorted_labels
from tilth.errors import UserError
from tilth.wording import counted

if TYPE_CHECKING:
    from tilth.data import image_set

_MOST_NAMED = 5


def apply_decisions(data: image_set.ImageData, path: str | Path) -> image_set.ImageData:
    """Return the pictures with the decisions of a file in force: see ``ImageData.apply``."""
    place = Path(path)
    decided = in_force(read(place))
    names = data.item_ids(np.arange(len(data.keys)))
    rows = {name: row for row, name in enumerate(names)}
    unknown = [item for item in decided if item not in rows]
    if decided and len(unknown) == len(decided):
        raise UserError(
            f"none of the {counted(len(decided), 'item')} of {place} is in {data.name}, such as "
            f"{unknown[0]!r}",
            rule="an item is known by its path in the folder",
            fix="give the folder that was reviewed",
        )
    chosen = {rows[item]: one for item, one in decided.items() if item in rows}
    found = _relabelled(data, chosen)
    dropped = [row for row, one in chosen.items() if one.decision == "drop"]
    splits = {
        name: kept[~np.isin(kept, dropped) & _known(found, kept)]
        for name, kept in data.splits.items()
    }
    if len(splits["train"]) == 0:
        raise UserError(f"{place} leaves nothing of train", fix="undo some decisions")
    changed = {name: len(kept) - len(splits[name]) for name, kept in data.splits.items()}
    notes = [note for note in data.notes if not isinstance(note, SplitNote)]
    notes += [SplitNote(_counted_splits(splits)), _told(place, chosen, changed, unknown)]
    aside = [BadItem(names[row], f"dropped by {place.name}") for row in sorted(dropped)]
    origin = {**data.origin, "decisions": str(place.resolve())} if data.origin else {}
    result = dataclasses.replace(
        found,
        notes=notes,
        bad_items=[*data.bad_items, *aside],
        origin=origin,
        decided=digest({item: one for item, one in decided.items() if item in rows}),
    )
    return result.with_splits(splits)


def _relabelled(data: image_set.ImageData, chosen: Mapping[int, Decision]) -> image_set.ImageData:
    """Return the data with its new labels; classes are those of train as it is from now on."""
    new = {row: one.label for row, one in chosen.items() if one.decision == "relabel"}
    if not new:
        return data
    target = data.target
    if target.kind not in ("classes", "none"):
        raise UserError(
            f"{counted(len(new), 'relabelled item')} for {data.name}, whose target is a "
            f"{target.kind}",
            rule="what can be relabelled has classes; others can be kept or dropped",
        )
    labels = ["" if value < 0 or not target.labels else target.labels[value]
              for value in data.values.tolist()]  # fmt: skip
    for row, label in new.items():
        labels[row] = label
    gone = {row for row, one in chosen.items() if one.decision == "drop"}
    train = [labels[row] for row in data.splits["train"].tolist() if row not in gone]
    fresh = Target(target.name or "label", "classes", sorted_labels([one for one in train if one]))
    return dataclasses.replace(data, target=fresh, values=fresh.encode(labels))


def _known(data: image_set.ImageData, rows: IntArray) -> NDArray[np.bool_]:
    """Return [rows] whether each row has a label that train knows, where labels are wanted."""
    if data.target.kind != "classes":
        return np.ones(len(rows), dtype=bool)
    known: NDArray[np.bool_] = data.values.numpy()[rows] >= 0
    return known


def _counted_splits(splits: Mapping[str, IntArray]) -> str:
    counts = ", ".join(f"{name} {len(rows):,}" for name, rows in splits.items())
    return f"splits as before, after the decisions: {counts}"


def _told(
    place: Path, chosen: Mapping[int, Decision], changed: Mapping[str, int], unknown: list[str]
) -> str:
    """Return what the decisions did, in words."""
    counts = {kind: 0 for kind in ("relabel", "drop", "keep")}
    for one in chosen.values():
        counts[one.decision] += 1
    said = f"{place.name}: {counts['relabel']:,} relabelled, {counts['drop']:,} dropped, "
    said += f"{counts['keep']:,} kept as they were"
    unlabelled = sum(changed.values()) - counts["drop"]
    if unlabelled > 0:
        said += f"; {counted(unlabelled, 'picture')} without a label that train knows left out"
    if unknown:
        named = ", ".join(unknown[:_MOST_NAMED])
        more = f" and {len(unknown) - _MOST_NAMED:,} more" if len(unknown) > _MOST_NAMED else ""
        said += f"; not in this data: {named}{more}"
    return said
