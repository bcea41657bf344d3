"""Listing pictures with what is wanted of each, however that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.dataset import BadItem, Kind
from tilth.data.decoder import Decoder, placement
from tilth.data.image_files import Listing, list_pictures
from tilth.data.image_labels import NO_LABEL, Labels, check_gaps, list_labelled
from tilth.data.open_image import Header
from tilth.data.partner_files import Partners, list_partners
from tilth.errors import UserError


@dataclass(frozen=True)
class Marks:
    """What says what is wanted of pictures: see ``read_images``."""

    labels: Labels | None = None
    target: tuple[str, ...] = ()
    task: str | None = None
    masks: Partners | None = None
    pairs: Partners | None = None

    @property
    def given(self) -> list[str]:
        """The names of those that were given."""
        return [name for name, value in vars(self).items() if value not in (None, ())]


def list_marked(folder: Path, marks: Marks, max_bad: float) -> Listing:
    """List the pictures of a folder with what is wanted of each.

    Raises UserError for marks that do not go together, and where too much is missing.
    """
    several = [name for name in marks.given if name in ("labels", "masks", "pairs")]
    if len(several) > 1:
        raise UserError(
            f"{' and '.join(several)}", rule="one of them says what is wanted of each picture"
        )
    if marks.masks is not None:
        return list_partners(folder, marks.masks, "mask", max_bad)
    if marks.pairs is not None:
        return list_partners(folder, marks.pairs, "picture", max_bad)
    if marks.labels is not None:
        return list_labelled(
            folder, marks.labels, target=marks.target, task=marks.task, max_bad=max_bad
        )
    if marks.target or marks.task not in (None, "classify", "regress"):
        raise UserError(
            f"{f'target={marks.target}' if marks.target else f'task={marks.task!r}'} "
            "without labels",
            rule="folders say one class of each picture, and nothing else",
            fix="name a table of labels (--labels TABLE) or masks (--masks FOLDER)",
        )
    listing = list_pictures(folder)
    if marks.task == "regress":
        _take_numbers(listing, max_bad)
    return listing


def _take_numbers(listing: Listing, max_bad: float) -> None:
    """Make the folders' names numbers; pictures in one such as "nan" have no label."""
    numbers = np.array(_folder_numbers(listing.labels))
    known = np.flatnonzero(np.isfinite(numbers)).tolist()
    listing.gaps += [
        BadItem(name, NO_LABEL)
        for name, number in zip(listing.files, numbers, strict=True)
        if not np.isfinite(number)
    ]
    check_gaps(listing, len(numbers), "the names of folders", max_bad)
    listing.kind, listing.labels = "number", numbers[known].tolist()
    listing.files = [listing.files[row] for row in known]
    listing.splits = [listing.splits[row] for row in known]


def _folder_numbers(labels: Sequence[str]) -> list[float]:
    """Return the numbers that folders are called by, such as 17 and 18.5 for ages."""
    try:
        return [float(label) for label in labels]
    except ValueError as error:
        raise UserError(
            f"task='regress' for class folders ({error})", rule="only numbers can be regressed"
        ) from None


def in_their_units(
    kind: Kind,
    labels: Sequence[Any],
    headers: Sequence[Header],
    decoder: Decoder,
) -> Any:
    """Return what is wanted of files, points in px of the pictures as they are decoded.

    None where nothing is.
    """
    if kind == "number":
        return np.array(labels, dtype=np.float64)
    if kind != "points":
        return labels if any(labels) else None
    size = (decoder.width, decoder.height)
    return np.stack(
        [
            placement((header.width, header.height), size, decoder.fit).moved(np.array(points))
            for header, points in zip(headers, labels, strict=True)
        ]
    )
