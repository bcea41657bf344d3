"""Labels of picture files that lie in no class folders: from a table, a pattern or a function."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl

from tilth.data.dataset import MOST_ITEMS, BadItem
from tilth.data.image_files import Listing, existing_folder, pictures_below, split_of
from tilth.data.table_files import is_table_file
from tilth.data.table_read import read_frame
from tilth.data.table_values import clean
from tilth.errors import UserError
from tilth.wording import counted, setting

Labels = str | Path | Callable[[Path], Any]
"""A table of names and labels, a regular expression on the path, or a function of the path."""

_NAMES = ("name", "file", "filename", "file_name", "path", "image", "image_id", "id")
_NO_LABEL = "no label"
_LABELS = ("label", "labels", "class", "category", "target")


def labels_table(labels: object) -> Path | None:
    """Return the path of a table of labels, None for a pattern or a function."""
    if isinstance(labels, Path):
        return labels
    if not isinstance(labels, str) or not is_table_file(Path(labels)):
        return None
    is_pattern = set(labels) & set("(*[") and not Path(labels).is_file()
    return None if is_pattern else Path(labels)


def list_labelled(path: str | Path, labels: Labels, *, max_bad: float = 0.01) -> Listing:
    """List all pictures below a folder with the labels that ``labels`` gives them.

    labels: a table of two columns (CSV, TSV, Parquet): the path in the folder, or the file's name
        with or without suffix where no two share it, and the label; or a regular expression whose
        group finds the label in the path in the folder, with /; or a function Path -> label
    max_bad: share of pictures without a label, and of names in a table without a picture, up to
        which these gaps are set aside. A picture for which a function gives None, and a valid or
        test folder without any label, are left out on purpose and are no gap.
    train, valid and test folders directly in the folder are its splits.
    Raises UserError for labels that cannot be used, and where no picture or too few get one.
    """
    root = existing_folder(path)
    names = [found.relative_to(root).as_posix() for found in pictures_below(root)]
    if not names:
        raise UserError(f"no pictures in {root}", fix="check the path")
    listing = Listing(root)
    table = labels_table(labels)
    if table is not None:
        found, said = _from_table(table, names, listing), f"{table.name}"
    elif isinstance(labels, str):
        found, said = _from_pattern(labels, names), f"the pattern {labels!r}"
    elif callable(labels):
        found, said = _from_function(labels, root, names), "your function"
    else:
        raise UserError(
            f"labels={labels!r}", rule="labels are a table, a regular expression or a function"
        )
    if not found:
        raise UserError(
            f"none of the {counted(len(names), 'picture')} in {root} gets a label from {said}",
            rule=f"a picture is known by its path in the folder, such as {names[0]!r}",
        )
    _fill(listing, names, found, on_purpose=callable(labels))
    _check_gaps(listing, len(names), said, max_bad)
    classes = len(set(found.values()))
    listing.notes.append(f"labels are from {said}: {counted(classes, 'class')}")
    if len(found) < len(names):
        listing.notes.append(
            counted(
                len(names) - len(found),
                "picture has no label and is left out",
                "pictures have no label and are left out",
            )
        )
    return listing


def _check_gaps(listing: Listing, pictures: int, said: str, max_bad: float) -> None:
    unlabelled = sum(bad.reason == _NO_LABEL for bad in listing.gaps)
    absent = len(listing.gaps) - unlabelled
    if len(listing.gaps) <= max_bad * (pictures + absent):
        return
    gaps = [f"{unlabelled:,} of {counted(pictures, 'picture')} without a label"] * bool(unlabelled)
    gaps += [counted(absent, "name") + " without a picture"] * bool(absent)
    lines = [f"\n  {bad.item}: {bad.reason}" for bad in listing.gaps[:MOST_ITEMS]]
    if len(listing.gaps) > MOST_ITEMS:
        lines.append(f"\n  and {len(listing.gaps) - MOST_ITEMS:,} more")
    share = math.ceil(1000 * len(listing.gaps) / (pictures + absent)) / 1000
    raise UserError(
        f"the labels from {said} leave {' and '.join(gaps)}, more than max_bad={max_bad:g} "
        f"admits:{''.join(lines)}",
        fix=f"mend the labels, or give {setting('max_bad', share)} to go on without them",
    )


def _fill(
    listing: Listing, names: Sequence[str], found: Mapping[str, str], *, on_purpose: bool
) -> None:
    parts = {name: split_of(name.partition("/")[0]) for name in names if "/" in name}
    splits = "train" in {parts.get(name) for name in found}
    labelled = {name.partition("/")[0] for name in found}
    for name in names:
        if name in found:
            listing.files.append(name)
            listing.labels.append(found[name])
            listing.splits.append(parts.get(name, "") if splits else "")
        elif on_purpose or (parts.get(name) and name.partition("/")[0] not in labelled):
            listing.set_aside.append(BadItem(name, _NO_LABEL))
        else:
            listing.gaps.append(BadItem(name, _NO_LABEL))
    loose = [name for name, split in zip(listing.files, listing.splits, strict=True) if not split]
    if splits and loose:
        raise UserError(
            f"{counted(len(loose), 'picture')} beside the train folder, the first {loose[0]!r}",
            rule="pictures are all in train, valid and test folders, or splits are made of all",
            fix="move them, or rename the folder train",
        )


def _from_table(table: Path, names: Sequence[str], listing: Listing) -> dict[str, str]:
    if not table.is_file():
        raise UserError(f"labels={str(table)!r}: there is no such file", fix="check the spelling")
    frame = read_frame(table).frame
    place, label = _columns(frame, table)
    rows = list(
        zip(
            frame[place].cast(pl.String).str.strip_chars().to_list(),
            clean(frame[label].cast(pl.String)).to_list(),
            strict=True,
        )
    )
    known = _ways_to_say(names)
    if frame.width == 2 and place in known:  # a table without a line of names
        rows.insert(0, (place, label))
    found: dict[str, str] = {}
    absent: dict[str, BadItem] = {}
    for said, value in rows:
        picture = known.get(_plain(said))
        if picture is None:
            absent[str(said)] = BadItem(str(said), f"in {table.name}, but no one picture")
        elif value is not None and found.setdefault(picture, value) != value:
            raise UserError(
                f"{table} gives {picture} the labels {found[picture]!r} and {value!r}",
                rule="a picture has one label",
            )
    listing.gaps += absent.values()
    return found


def _plain(said: str | None) -> str:
    return PurePosixPath((said or "").replace("\\", "/")).as_posix()


def _columns(frame: pl.DataFrame, table: Path) -> tuple[str, str]:
    """Return the columns of the pictures and of their labels: by name, or the only two."""
    if frame.width == 2:
        return frame.columns[0], frame.columns[1]
    low = {column.strip().lower(): column for column in frame.columns}
    place = next((low[name] for name in _NAMES if name in low), None)
    label = next((low[name] for name in _LABELS if name in low), None)
    if place is None or label is None:
        raise UserError(
            f"{table} has {counted(frame.width, 'column')}: {', '.join(frame.columns[:10])}",
            rule="a table of labels has two columns, pictures and labels, or names them so",
            fix=f"call the columns {_NAMES[0]} and {_LABELS[0]}",
        )
    return place, label


def _ways_to_say(names: Sequence[str]) -> dict[str, str]:
    """Return each picture by its path, and by its name and stem where no other has them."""
    known = {name: name for name in names}
    paths = [PurePosixPath(name) for name in names]
    for short in (
        [path.with_suffix("").as_posix() for path in paths],
        [path.name for path in paths],
        [path.stem for path in paths],
    ):
        counts = Counter(short)
        for name, way in zip(names, short, strict=True):
            if counts[way] == 1:
                known.setdefault(way, name)
    return known


def _from_pattern(pattern: str, names: Sequence[str]) -> dict[str, str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"labels={pattern!r} is no regular expression ({error})") from None
    if compiled.groups == 0:
        raise UserError(
            f"labels={pattern!r} has no group",
            rule="the first group of the pattern, in parentheses, is the label",
            fix=r"for cat_12.jpg: '([a-z]+)_\d+\.jpg$'; for a table: give a .csv file",
        )
    matches = {name: compiled.search(name) for name in names}
    return {name: match[1] for name, match in matches.items() if match and match[1]}


def _from_function(
    label_of: Callable[[Path], Any], root: Path, names: Sequence[str]
) -> dict[str, str]:
    found = {}
    for name in names:
        label = label_of(root / name)
        if label is None or label == "":
            continue
        if not isinstance(label, str | int | np.integer):
            raise UserError(
                f"labels gave {name} the label {label!r:.80}",
                rule="a label is a text or a whole number, None leaves the picture out",
            )
        found[name] = str(label)
    return found
