"""What the headers of picture files tell: odd sizes, animations, formats that reveal the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import MOST_ITEMS, Finding, ItemId
from tilth.data.open_image import Header
from tilth.wording import counted

_STRETCHED = 2.0  # proportions this far from the usual ones are called odd
_ENOUGH = 10  # files of one kind before it can be said to tell a class


def file_findings(
    headers: Sequence[Header], labels: NDArray[np.int64] | None, item_id: ItemId
) -> list[Finding]:
    """Return findings from the headers of the files; labels: [rows] class ids, or None."""
    found = [*_odd_sizes(headers, item_id), *_animated(headers, item_id)]
    return found if labels is None else [*found, *_telltale(headers, labels)]


def _odd_sizes(headers: Sequence[Header], item_id: ItemId) -> list[Finding]:
    shape = np.array([[header.width, header.height] for header in headers], dtype=np.float64)
    proportion = np.log(shape[:, 0] / shape[:, 1])
    odd = np.flatnonzero(np.abs(proportion - np.median(proportion)) > np.log(_STRETCHED))
    found = []
    if len(odd):
        found.append(
            Finding(
                "odd_proportions",
                "info",
                counted(len(odd), "picture is", "pictures are")
                + f" over {_STRETCHED:g} times wider or taller than is usual",
                "look at how they come out; fit='pad' keeps proportions and all of the picture",
                tuple(item_id(int(row)) for row in odd[:MOST_ITEMS]),
            )
        )
    side = shape.min(axis=1)
    small = np.flatnonzero(side < np.median(side) / 4)
    if len(small):
        found.append(
            Finding(
                "small_pictures",
                "info",
                counted(len(small), "picture is", "pictures are")
                + " less than a quarter of the usual size",
                "thumbnails or icons among photographs? Look, and delete what does not belong",
                tuple(item_id(int(row)) for row in small[:MOST_ITEMS]),
            )
        )
    return found


def _animated(headers: Sequence[Header], item_id: ItemId) -> list[Finding]:
    rows = [row for row, header in enumerate(headers) if header.animated]
    if not rows:
        return []
    what = counted(len(rows), "file is an animation", "files are animations")
    what += ": the first frame is used"
    items = tuple(item_id(row) for row in rows[:MOST_ITEMS])
    return [Finding("animated", "info", what, "", items)]


def _telltale(headers: Sequence[Header], labels: NDArray[np.int64]) -> list[Finding]:
    """Find what a file is made like (format, colour mode, size) that gives its class away."""
    usual = Counter(labels.tolist()).most_common(1)[0][1] / len(labels)
    if usual == 1:
        return []
    found = []
    for what, kinds in (
        ("file format", [header.format for header in headers]),
        ("colour mode", [header.mode for header in headers]),
        ("size", [(header.width, header.height) for header in headers]),
    ):
        guessed = _guessed(kinds, labels, usual)
        if guessed > usual + (1 - usual) / 2:
            found.append(
                Finding(
                    "files_tell_the_class",
                    "warning",
                    f"the {what} of a file alone gives the class of {guessed:.0%} of the pictures "
                    f"(the largest class is {usual:.0%})",
                    "the classes may come from different sources, and the model may learn the "
                    "source; make the files alike",
                )
            )
    return found


def _guessed(kinds: Iterable[object], labels: NDArray[np.int64], usual: float) -> float:
    """Return the share of rows whose class is the most common one of their kind of file.

    Kinds with few rows prove nothing and count at the ``usual`` share.
    """
    groups: dict[object, Counter[int]] = {}
    for kind, label in zip(kinds, labels.tolist(), strict=True):
        groups.setdefault(kind, Counter())[label] += 1
    right = sum(
        members.most_common(1)[0][1] if members.total() >= _ENOUGH else usual * members.total()
        for members in groups.values()
    )
    return right / len(labels)
