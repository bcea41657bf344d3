"""Reading the masks, or the wanted pictures, that belong to pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.cache import cache_folder
from tilth.data.dataset import IntArray, Store
from tilth.data.decoder import Decoder
from tilth.data.image_scan import Progress, decode_all, scan, values_of
from tilth.data.image_store import DecodedStore
from tilth.data.mask_decoder import NO_CLASS, MaskClasses, MaskDecoder, mask_classes
from tilth.data.open_image import BadImage, Header, read_values
from tilth.data.readable_rows import unreadable_rows
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError

_FIRST = 500  # files that are tried before the others
_ALIKE = 1.02  # proportions of a picture and its mask: sizes that were rounded apart


@dataclass(frozen=True)
class PartnersRead:
    """What belongs to pictures, one row each.

    labels: the classes of masks; keys: 64-bit content hashes; bad: row -> why it cannot be used,
    where its entry in the store is not to be looked at; values: see ``Target``
    """

    store: Store
    labels: tuple[str, ...]
    keys: NDArray[np.uint64]
    bad: dict[int, str]
    values: tuple[int, ...] = ()

    def chosen(self, rows: Sequence[int]) -> PartnersRead:
        """Return what belongs to some of the pictures; itself where they are all of them."""
        if list(rows) == list(range(len(self.keys))):
            return self
        if isinstance(self.store, DecodedStore):
            store: Store = self.store.chosen(rows)
        else:
            store = ResidentStore(self.store.take(torch.tensor(rows)))
        return replace(self, store=store, keys=self.keys[list(rows)], bad={})


def read_partners(
    paths: Sequence[Path],
    headers: Sequence[Header],
    decoder: Decoder,
    *,
    masks: bool,
    names: tuple[str, ...] = (),
    void: tuple[str, ...] = (),
    hold: bool = True,
    progress: Progress | None = None,
) -> PartnersRead:
    """Read the file that belongs to each picture, brought to the size of the pictures.

    headers, decoder: of the pictures; masks: whether they are masks, whose values are called
    ``names`` (by themselves where none are given), but for the ``void`` ones; hold: in memory
    Raises UserError for masks that name nothing.
    """
    seen = scan(paths, max_pixels=decoder.max_pixels, progress=progress)
    bad = _told(seen.bad)
    for row, (own, other) in enumerate(zip(headers, seen.headers, strict=True)):
        if other is not None and not _fits(own, other):
            bad[row] = (
                f"it is {own.width} x {own.height} px and what belongs to it "
                f"{other.width} x {other.height} px"
            )
    named = MaskClasses((), ())
    reader: Decoder | MaskDecoder = decoder
    if masks:
        values, unread = ([], {}) if names else values_of(paths, bad, decoder.max_pixels)
        bad |= _told(unread)
        if not names and not values:
            raise none_read(paths[0], decoder.max_pixels)
        named = mask_classes(values, names, void)
        if len(named.labels) < 2:
            raise UserError(
                f"masks of {len(named.labels)} classes: {', '.join(named.labels)}",
                rule="a mask tells at least two classes apart",
                fix="look at the values in the masks, and at void",
            )
        reader = MaskDecoder(
            decoder.height, decoder.width, named.table, decoder.fit, decoder.max_pixels
        )
    if hold:
        pixels, unread = decode_all(paths, reader, progress=progress)
        _check_named(unread, len(paths), names)
        store: Store = ResidentStore(pixels)
    else:
        folder = cache_folder() / "pixels"
        store = DecodedStore(paths, reader, cache_folder=folder, workers=os.cpu_count() or 1)
        rows = np.array([row for row in range(len(paths)) if row not in bad], dtype=np.int64)
        unread = _look_through(store, rows, names, progress)
    return PartnersRead(store, named.labels, seen.keys, bad | _told(unread), named.values)


def _told(bad: Mapping[int, str]) -> dict[int, str]:
    return {row: f"what belongs to it: {reason}" for row, reason in bad.items()}


def _look_through(
    store: Store, rows: IntArray, names: Sequence[str], progress: Progress | None
) -> dict[int, str]:
    """Return row -> why a file cannot be decoded; training would stop there.

    Some are tried first, so that names that are too few are told at once.
    """
    some = rows[:: max(1, len(rows) // _FIRST)]
    bad: dict[int, str] = {}
    for part in (some, np.setdiff1d(rows, some)):
        found = unreadable_rows(store, part, progress)
        _check_named(found, len(part), names)
        bad |= found
    return bad


def none_read(path: Path, max_pixels: int) -> UserError:
    """Return the error for masks of which none can be read, with what is wrong with the first."""
    reason = "its values are void"
    try:
        read_values(path, max_pixels=max_pixels)
    except BadImage as error:
        reason = str(error)
    return UserError(
        f"no mask can be read: {path}: {reason}",
        rule="a mask is a picture, grey or with a palette, whose values are numbers of classes",
    )


def _check_named(bad: Mapping[int, str], count: int, names: Sequence[str]) -> None:
    """Raise UserError where most masks hold values without a name: names are wrong then."""
    odd = [reason for reason in bad.values() if reason.endswith(NO_CLASS)]
    if 2 * len(odd) <= count:
        return
    raise UserError(
        f"{len(odd)} of {count} masks: {odd[0]}",
        rule="every value of a mask has a name, or is void; "
        f"names has {len(names)}, for the values 0 to {len(names) - 1}",
        fix="name it (--names), or list it under --void",
    )


def _fits(own: Header, other: Header) -> bool:
    """Say whether two files have the same proportions, so that pixels lie over each other."""
    ratio = (own.width * other.height) / (own.height * other.width)
    return 1 / _ALIKE <= ratio <= _ALIKE
