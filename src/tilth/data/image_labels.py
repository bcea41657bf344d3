"""Labels of picture files that lie in no class folders: from a table, a pattern or a function."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.dataset import MOST_ITEMS, BadItem, Kind
from tilth.data.image_files import Listing, existing_folder, pictures_below, split_of
from tilth.data.label_table import ASKED, Told, read_label_table
from tilth.data.likely_task import if_several
from tilth.data.table_files import is_table_file
from tilth.errors import UserError, choose
from tilth.wording import counted, setting

Labels = str | Path | Callable[[Path], Any]
"""A table of names and labels, a regular expression on the path, or a function of the path."""

NO_LABEL = "no label"
"""Why a picture is set aside that nothing, or no finite number, is said of."""


def labels_table(labels: object) -> Path | None:
    """Return the path of a table of labels, None for a pattern or a function."""
    if isinstance(labels, Path):
        return labels
    if not isinstance(labels, str) or not is_table_file(Path(labels)):
        return None
    is_pattern = set(labels) & set("(*[") and not Path(labels).is_file()
    return None if is_pattern else Path(labels)


def list_labelled(
    path: str | Path,
    labels: Labels,
    *,
    target: Sequence[str] = (),
    task: str | None = None,
    max_bad: float = 0.01,
) -> Listing:
    """List all pictures below a folder with the labels that ``labels`` gives them.

    labels: a table (CSV, TSV, Parquet): see ``read_label_table``; pictures are named by the path
        in the folder, or the file's name with or without suffix where no two share it; or a
        regular expression whose group finds the label in the path in the folder, with /; or a
        function Path -> label (a text or whole number; a float; a list of texts; [(x, y), ...])
    target: the table's columns that are wanted; task: what labels are wanted for, a key of ASKED
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
    if target and table is None:
        raise UserError(f"target={target!r} without a table of labels", fix="leave target out")
    if table is not None:
        told = read_label_table(table, names, target=target, task=task)
        said = f"{table.name}"
    elif isinstance(labels, str):
        told, said = _from_pattern(labels, names, task), f"the pattern {labels!r}"
    elif callable(labels):
        told, said = _from_function(labels, root, names, task), "your function"
    else:
        raise UserError(
            f"labels={labels!r}", rule="labels are a table, a regular expression or a function"
        )
    found = told.values
    if not found:
        raise UserError(
            f"none of the {counted(len(names), 'picture')} in {root} gets a label from {said}",
            rule=f"a picture is known by its path in the folder, such as {names[0]!r}",
        )
    listing.gaps += told.gaps
    _fill(listing, names, told, on_purpose=callable(labels))
    check_gaps(listing, len(names), said, max_bad)
    listing.notes += [f"labels are from {said}: {_summary(told)}", *told.notes]
    if len(found) < len(names):
        listing.notes.append(
            counted(
                len(names) - len(found),
                "picture has no label and is left out",
                "pictures have no label and are left out",
            )
        )
    return listing


def check_gaps(listing: Listing, pictures: int, said: str, max_bad: float) -> None:
    """Raise UserError with the list where there are more gaps than ``max_bad`` admits.

    pictures: how many there are; said: what the labels are from
    """
    unlabelled = sum(bad.reason == NO_LABEL for bad in listing.gaps)
    absent = len(listing.gaps) - unlabelled
    if len(listing.gaps) <= max_bad * (pictures + absent):
        return
    gaps = [f"{unlabelled:,} of {counted(pictures, 'picture')} without a label"] * bool(unlabelled)
    gaps += [counted(absent, "name") + " without a picture"] * bool(absent)
    lines = [f"\n  {bad.item}: {bad.reason}" for bad in listing.gaps[:MOST_ITEMS]]
    if len(listing.gaps) > MOST_ITEMS:
        lines.append(f"\n  and {len(listing.gaps) - MOST_ITEMS:,} more")
    share = math.ceil(1000 * len(listing.gaps) / (pictures + absent)) / 1000
    fix = f"mend the labels, or give {setting('max_bad', share)} to go on without them"
    task = if_several(listing.labels) if unlabelled and listing.kind == "classes" else ""
    raise UserError(
        f"the labels from {said} leave {' and '.join(gaps)}, more than max_bad={max_bad:g} "
        f"admits:{''.join(lines)}",
        fix=f"{task}; else {fix}" if task else fix,
    )


def _summary(told: Told) -> str:
    """Return in words what labels are.

    >>> _summary(Told("labels", {"a.png": ("red", "old"), "b.png": ("red",)}))
    '2 labels, any number of them to a picture'
    """
    if told.kind == "points":
        return counted(len(told.names), "point")
    if told.kind == "number":
        return "numbers"
    if told.kind == "labels":
        different = {label for labels in told.values.values() for label in labels}
        return f"{counted(len(different), 'label')}, any number of them to a picture"
    return counted(len(set(told.values.values())), "class")


def _fill(listing: Listing, names: Sequence[str], told: Told, *, on_purpose: bool) -> None:
    found, listing.kind, listing.names = told.values, told.kind, told.names
    listing.target = told.target
    gaps = {bad.item for bad in listing.gaps}
    parts = {name: split_of(name.partition("/")[0]) for name in names if "/" in name}
    if told.splits:
        parts = {name: told.splits.get(name, "") for name in found}
    splits = "train" in {parts.get(name) for name in found}
    labelled = {name.partition("/")[0] for name in found}
    for name in names:
        if name in found:
            listing.files.append(name)
            listing.labels.append(found[name])
            listing.splits.append(parts.get(name, "") if splits else "")
        elif name in gaps:
            continue
        elif on_purpose or (parts.get(name) and name.partition("/")[0] not in labelled):
            listing.set_aside.append(BadItem(name, NO_LABEL))
        else:
            listing.gaps.append(BadItem(name, NO_LABEL))
    loose = [name for name, split in zip(listing.files, listing.splits, strict=True) if not split]
    if splits and loose:
        raise UserError(
            f"{counted(len(loose), 'picture')} beside the train folder, the first {loose[0]!r}",
            rule="pictures are all in train, valid and test folders, or splits are made of all",
            fix="move them, or rename the folder train",
        )


def _from_pattern(pattern: str, names: Sequence[str], task: str | None) -> Told:
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
    texts = {name: match[1] for name, match in matches.items() if match and match[1]}
    kind = _kind(task, "classes")
    if kind == "classes":
        return Told(kind, dict(texts))
    if kind != "number":
        raise UserError(
            f"labels={pattern!r} for {task}",
            rule="a pattern finds one class or number in a path",
            fix="give a table of labels, or a function",
        )
    odd = next((text for text in texts.values() if _number(text) is None), None)
    if odd is not None:
        raise UserError(f"labels={pattern!r} finds {odd!r}", rule="only numbers can be regressed")
    numbers = {name: float(text) for name, text in texts.items()}
    return Told(kind, {name: one for name, one in numbers.items() if math.isfinite(one)})


def _kind(task: str | None, usual: Kind) -> Kind:
    if task is None:
        return usual
    kind: Kind = ASKED[choose(task, ASKED, "task")]  # type: ignore[assignment]
    return kind


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _from_function(
    label_of: Callable[[Path], Any], root: Path, names: Sequence[str], task: str | None
) -> Told:
    """Return what a function says of pictures; the first answer says what kind its answers are."""
    told: Told | None = None
    gaps: list[BadItem] = []
    for name in names:
        label = label_of(root / name)
        if label is None or (isinstance(label, str) and label == ""):
            continue
        if isinstance(label, float | np.floating) and not math.isfinite(label):
            gaps.append(BadItem(name, NO_LABEL))
            continue
        kind = _kind_of(label)
        if told is None:
            told = Told(_kind(task, kind or "classes"))
        if kind == "classes" and told.kind == "number" and not isinstance(label, str):
            kind = "number"
        if kind != told.kind:
            raise UserError(
                f"labels gave {name} the label {label!r:.80}",
                rule="a label is a text or a whole number (a class), a float (a number), a list "
                "of texts (labels) or [(x, y), ...] (points), the same for all; None leaves the "
                "picture out",
            )
        told.values[name] = _plain_label(label, kind)
    if told is None:
        return Told("classes")
    told.gaps = gaps
    if told.kind == "points":
        _check_points(told)
    return told


def _kind_of(label: Any) -> Kind | None:
    if isinstance(label, str | int | np.integer):
        return "classes"
    if isinstance(label, float | np.floating):
        return "number"
    if isinstance(label, set | frozenset | Sequence) and all(isinstance(x, str) for x in label):
        return "labels"
    if isinstance(label, Sequence | np.ndarray) and np.asarray(label).shape[1:] == (2,):
        return "points"
    return None


def _plain_label(label: Any, kind: Kind) -> Any:
    if kind == "number":
        return float(label)
    if kind == "labels":
        return tuple(sorted(set(label)))
    if kind == "points":
        return tuple((float(x), float(y)) for x, y in label)
    return str(label)


def _check_points(told: Told) -> None:
    counts = {len(points) for points in told.values.values()}
    if len(counts) > 1:
        raise UserError(
            f"labels gave pictures {min(counts)} to {max(counts)} points",
            rule="every picture has the same points in the same order, (nan, nan) where one is "
            "missing",
        )
    told.names = tuple(map(str, range(counts.pop())))
