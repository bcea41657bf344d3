"""Reading pictures for training from a folder: the safe way, and into memory where they fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.cache import cache_folder
from tilth.data.augment import Wish, check_wish
from tilth.data.dataset import BadItem, IntArray, Store
from tilth.data.decoder import Decoder, Fit
from tilth.data.idx_folder import read_idx_folder
from tilth.data.image_arrays import image_arrays
from tilth.data.image_assemble import Gathered, assemble
from tilth.data.image_choices import choose_channels, choose_fit, choose_resident, choose_size
from tilth.data.image_files import Listing, existing_folder, idx_files
from tilth.data.image_findings import Facts
from tilth.data.image_labels import Labels
from tilth.data.image_partners import PartnersRead, read_partners
from tilth.data.image_scan import Progress, decode_all, find_cut_short, scan
from tilth.data.image_set import ImageData
from tilth.data.image_store import DecodedStore
from tilth.data.list_marked import Marks, in_their_units, list_marked
from tilth.data.open_image import MAX_PIXELS, Header
from tilth.data.partner_files import Partners
from tilth.data.resident_store import ResidentStore
from tilth.data.split import FRACTIONS
from tilth.errors import UserError
from tilth.wording import counted, setting

__all__ = ["ImageData", "image_arrays", "read_images"]

_MOST_LISTED = 100
_MOST_DECODED = 5_000  # only to name all that is bad before the reading stops


def read_images(
    path: str | Path,
    *,
    labels: Labels | None = None,
    target: Sequence[str] = (),
    task: str | None = None,
    masks: Partners | None = None,
    names: tuple[str, ...] = (),
    void: tuple[str, ...] = (),
    pairs: Partners | None = None,
    size: int | Sequence[int] | None = None,
    grey: bool | None = None,
    fit: Fit | None = None,
    augment: Wish = True,
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    max_bad: float = 0.01,
    max_pixels: int | None = None,
    memory_budget: int | None = None,
    resident: bool | None = None,
    progress: Progress | None = None,
) -> ImageData:
    """Read a folder of class folders, of train/valid/test folders of those, or of idx files.

    Of a folder of pictures alone nothing is wanted.

    labels, target, task: where labels are not the folders' names: see ``list_labelled``
    masks: where each picture's mask is, a class for each pixel: see ``list_partners``; names: what
        the values from 0 on are called; void: names or values of pixels that are not counted
    pairs: where the picture is that is wanted of each one
    size: pixels of a side (or height and width); by default the pictures' own size where all
        are equal and at most 64, else 128 or the usual shorter side if that is smaller
    grey: one channel or three; by default one where no file holds colour
    fit: how other proportions are brought to this size: "squash" loses nothing of the picture,
        "crop" takes the middle, "pad" lays bars; by default "squash" where the files have much
        the same proportions, else "crop"
    augment: True for the defaults of this size, some fields of ``Augment`` that differ from
        them, or False for none
    fractions: of train, valid and test, where the folders do not say; split_seed: the split is
        a function of it and of the contents, and copies stay together
    max_bad: pictures that cannot be read, or lack a label, are set aside and listed, up to this
        share of all
    max_pixels: pictures with more are not decoded; MAX_PIXELS by default
    memory_budget: bytes that the pixels may take in memory (default: 40 % of what is
        available); resident: hold them there (True), or decode them when needed (False)
    progress: called with what is being done, how many are done, and of how many

    What was inferred is in ``notes`` of the result, what was set aside in ``bad_items``.
    Raises UserError where nothing can be found or too much is bad, saying what and where.
    """
    if not 0 <= max_bad <= 1:
        raise UserError(f"max_bad={max_bad}", rule="max_bad is a share, from 0 to 1")
    check_wish(augment)
    max_pixels = max_pixels or MAX_PIXELS
    folder = existing_folder(path)
    marks = Marks(labels, tuple(target), task, masks, pairs)
    idx = idx_files(folder)
    if idx:
        useless = [*(["grey=False"] * (grey is False)), *marks.given]
        if useless:
            raise UserError(f"{useless[0]} for idx files", rule="they are read as they are")
        return read_idx_folder(
            folder, idx, size=size, augment=augment, split_seed=split_seed, fractions=fractions
        )
    listing = list_marked(folder, marks, max_bad)
    files = _look_at(listing, max_bad, max_pixels, progress)
    notes = [*listing.notes]
    channels = choose_channels(files.headers, grey, notes)
    how = choose_fit(files.headers, fit, notes)
    height, width = choose_size(files.headers, size, how, notes)
    decoder = Decoder(height, width, channels, how, max_pixels)
    each = channels * height * width
    each += {"mask": height * width, "picture": each}.get(listing.kind, 0)
    hold = choose_resident(len(files.names), each, resident, memory_budget, notes)
    partners, files = _partners(listing, files, decoder, names, void, hold, max_bad, progress)
    before = {name: row for row, name in enumerate(files.names)}
    store, files = _store(files, decoder, hold, max_bad, progress)
    wanted = partners and partners.chosen([before[name] for name in files.names])
    gathered = _gathered(listing, files, wanted, decoder, store, notes)
    return assemble(
        gathered, split_seed=split_seed, fractions=fractions, augment=augment, max_bad=max_bad
    )


def _gathered(
    listing: Listing,
    files: _Files,
    wanted: PartnersRead | None,
    decoder: Decoder,
    store: Store,
    notes: list[str],
) -> Gathered:
    """Return what was read, in one place; what is to be known of it goes to the notes."""
    if isinstance(store, DecodedStore):
        notes.append(f"pictures are {store.note}")
    if files.bad:
        one, many = "picture cannot be read and is", "pictures cannot be read and are"
        notes.append(counted(len(files.bad), f"{one} set aside", f"{many} set aside"))
    return Gathered(
        name=listing.root.name,
        store=store,
        labels=in_their_units(listing.kind, files.labels, files.headers, decoder),
        kind=listing.kind,
        names=listing.names if wanted is None else wanted.labels,
        target=listing.target,
        wanted=wanted,
        given=_given(files),
        keys=files.keys,
        decoder=decoder,
        files=files.names,
        headers=files.headers,
        facts=Facts(
            unreadable=files.bad,
            not_pictures=listing.set_aside,
            empty_classes=listing.empty_classes,
            gaps=listing.gaps,
        ),
        notes=notes,
    )


def _given(files: _Files) -> dict[str, IntArray]:
    """Return the splits that the files have."""
    said = np.array(files.splits)
    names = [name for name in ("train", "valid", "test") if name in files.splits]
    return {name: np.flatnonzero(said == name) for name in names}


def _partners(
    listing: Listing,
    files: _Files,
    decoder: Decoder,
    names: tuple[str, ...],
    void: tuple[str, ...],
    hold: bool,
    max_bad: float,
    progress: Progress | None,
) -> tuple[PartnersRead | None, _Files]:
    """Return what belongs to the pictures, where something does, and the files that have it."""
    masks = listing.kind == "mask"
    if not masks and (names or void):
        raise UserError("names or void without masks", rule="they say what a mask's values are")
    if not masks and listing.kind != "picture":
        return None, files
    paths = [Path(label) for label in files.labels]
    found = read_partners(
        paths,
        files.headers,
        decoder,
        masks=masks,
        names=names,
        void=void,
        hold=hold,
        progress=progress,
    )
    left = files.without(found.bad, max_bad)
    return found.chosen([row for row in range(len(paths)) if row not in found.bad]), left


@dataclass
class _Files:
    """The files that can be used so far, one entry each, and the bad ones."""

    root: Path
    names: list[str]
    labels: list[Any]
    splits: list[str]
    headers: list[Header]
    keys: NDArray[np.uint64]
    bad: list[BadItem]
    listed: int

    @property
    def paths(self) -> list[Path]:
        return [self.root / name for name in self.names]

    def without(self, bad: dict[int, str], max_bad: float) -> _Files:
        """Set files aside; raises UserError with the list where there are too many by now."""
        worse = sorted([*self.bad, *(BadItem(self.names[i], bad[i]) for i in bad)], key=_by_name)
        if len(worse) > max_bad * self.listed or len(worse) == self.listed:
            raise _too_many(self.root, worse, self.listed, max_bad)
        keep = [i for i in range(len(self.names)) if i not in bad]
        return _Files(
            self.root,
            [self.names[i] for i in keep],
            [self.labels[i] for i in keep],
            [self.splits[i] for i in keep],
            [self.headers[i] for i in keep],
            self.keys[keep],
            worse,
            self.listed,
        )


def _by_name(item: BadItem) -> str:
    return item.item


def _too_many(root: Path, bad: list[BadItem], listed: int, max_bad: float) -> UserError:
    lines = [f"\n  {item.item}: {item.reason}" for item in bad[:_MOST_LISTED]]
    if len(bad) > _MOST_LISTED:
        lines.append(f"\n  and {len(bad) - _MOST_LISTED} more")
    fix = "repair or delete them"
    if len(bad) < listed:
        share = np.ceil(1000 * len(bad) / listed) / 1000
        fix += f", or give {setting('max_bad', float(share))} to go on without them"
    return UserError(
        f"{len(bad)} of {counted(listed, 'picture')} in {root} cannot be read, more "
        f"than max_bad={max_bad:g} admits:{''.join(lines)}",
        fix=fix,
    )


def _look_at(
    listing: Listing, max_bad: float, max_pixels: int, progress: Progress | None
) -> _Files:
    paths = [listing.root / name for name in listing.files]
    seen = scan(paths, max_pixels=max_pixels, progress=progress)
    nothing = Header(1, 1, "", "", False, False, False)  # of bad files, which go at once
    files = _Files(
        listing.root,
        listing.files,
        listing.labels,
        listing.splits,
        [header or nothing for header in seen.headers],
        seen.keys,
        [],
        len(paths),
    )
    if len(seen.bad) > max_bad * len(paths):  # it will stop: with as much of the list as can be
        good = [place for place in range(len(paths)) if place not in seen.bad]
        more = find_cut_short(
            [paths[place] for place in good],
            [files.headers[place] for place in good],
            max_pixels=max_pixels,
            progress=progress,
            all_decoded=len(good) <= _MOST_DECODED,
        )
        seen.bad.update({good[place]: reason for place, reason in more.items()})
    return files.without(seen.bad, max_bad)


def _store(
    files: _Files, decoder: Decoder, hold: bool, max_bad: float, progress: Progress | None
) -> tuple[Store, _Files]:
    """Return where the pixels are, and the files without those that turned out to be bad."""
    if hold:
        pixels, bad = decode_all(files.paths, decoder, progress=progress)
        left = files.without(bad, max_bad)
        if bad:  # close the gaps in place: a copy might not fit
            keep = [row for row in range(len(pixels)) if row not in bad]
            for place, row in enumerate(keep):
                pixels[place] = pixels[row]
            pixels = pixels[: len(keep)]
        return ResidentStore(pixels), left
    bad = find_cut_short(
        files.paths, files.headers, max_pixels=decoder.max_pixels, progress=progress
    )
    left = files.without(bad, max_bad)
    workers = os.cpu_count() or 1
    folder = cache_folder() / "pixels"
    return DecodedStore(left.paths, decoder, cache_folder=folder, workers=workers), left
