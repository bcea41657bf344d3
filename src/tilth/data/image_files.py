"""Finding the pictures of a data set on disk: class folders, alone or inside train/valid/test."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilth.data.dataset import BadItem, Kind
from tilth.data.file_signature import sniff
from tilth.data.idx import is_idx_name
from tilth.errors import UserError, nearest
from tilth.wording import counted

SPLIT_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What the folder of each split may be called, whatever the capitals."""

PICTURE_SUFFIXES = re.compile(
    r"\.(jpe?g|jpe|jfif|a?png|gif|bmp|dib|webp|tiff?|p[pgbn]m|jp2|j2k|jpx|avif|hei[cf])$",
    re.IGNORECASE,
)
_SYSTEM = (
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    "icon\r",
    "@eadir",
    "lost+found",
    "$recycle.bin",
    "system volume information",
    "__pycache__",
)
_LAYOUTS = (
    "one folder per class (dogs/1.jpg, cats/2.jpg), or train/valid/test folders of class folders, "
    "pictures alone, or idx files (train-images-idx3-ubyte.gz and its labels)"
)

OR_LABELS = (
    "make class folders, or name --labels (labels=): a CSV of names and labels, or a pattern that "
    r"finds the label in the path, such as '([a-z]+)_\d+\.jpg$'"
)
"""What to do with pictures of which nothing says what they show."""
LOOSE = "not in a class folder"


@dataclass
class Listing:
    """The picture files under ``root``, in the order of their relative paths.

    files: relative POSIX paths; labels: class names, all "" where nothing tells them, or what else
    ``kind`` says: see ``label_table.Told``, as for names and target
    splits: "train", "valid", "test", or "" where the folders do not say
    empty_classes: class folders without a picture
    gaps: pictures whose labels are missing, and labels whose pictures are
    """

    root: Path
    files: list[str] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    kind: Kind = "classes"
    names: tuple[str, ...] = ()
    target: str = ""
    splits: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    set_aside: list[BadItem] = field(default_factory=list)
    empty_classes: list[str] = field(default_factory=list)
    gaps: list[BadItem] = field(default_factory=list)


def existing_folder(path: str | Path) -> Path:
    """Return ``path`` as a folder that exists; raise UserError saying what is there instead."""
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        zipped = folder.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
        raise UserError(
            f"{folder} is a file",
            rule=f"pictures are read from a folder: {_LAYOUTS}",
            fix="unpack it and give the folder" if zipped else "give the folder that holds it",
        )
    here = folder.parent
    names = [entry.name for entry in here.iterdir() if entry.is_dir()] if here.is_dir() else []
    guess = nearest(folder.name, names)
    missing = folder if here.is_dir() else _first_missing(folder)
    raise UserError(
        f"there is no folder {missing}",
        fix=f"did you mean {here / guess}?" if guess else "check the path",
    )


def idx_files(folder: Path) -> list[Path]:
    """Return the idx files directly in ``folder``, sorted by name."""
    return [path for path in _entries(folder) if path.is_file() and is_idx_name(path.name)]


def pictures_below(path: str | Path) -> list[Path]:
    """Return every picture in a folder and the folders in it, sorted, whatever they are called.

    Damaged files whose name says that they are pictures are among them.
    """
    return [found for found in _walk(existing_folder(path)) if is_picture(found)]


def list_pictures(path: str | Path) -> Listing:
    """List the pictures of a folder with one folder per class, or with train/valid/test inside.

    Pictures that lie in no class folder, there or directly in train, valid and test, are listed
    without labels where no class folder holds any.
    Files that are no pictures are set aside by name; hidden and system files are passed over.
    Raises UserError saying what was looked for and what was found.
    """
    root = existing_folder(path)
    top, notes = _descend(root)
    listing = Listing(top, notes=notes)
    folders = [entry for entry in _entries(top) if entry.is_dir()]
    parts = _split_folders(top, folders)
    if parts:
        _list_splits(listing, parts)
        folders = [entry for entry in folders if entry not in parts]
        listing.set_aside += [
            BadItem(f"{entry.name}/", "beside the split folders, not one of them")
            for entry in folders
        ]
    else:
        for folder in folders:
            _list_class(listing, folder, "")
        if listing.files:
            _say_layout(listing)
    _list_strays(listing, top)
    if not listing.files:
        _list_heap(listing)
    if not listing.files:
        raise _nothing_found(root, listing)
    return listing


def _descend(root: Path) -> tuple[Path, list[str]]:
    """Follow wrapper folders (flowers/flower_photos/<classes>) down to the one that matters."""
    top = root
    while True:
        entries = _entries(top)
        folders = [entry for entry in entries if entry.is_dir()]
        lone = len(folders) == 1 and not any(is_picture(entry) for entry in entries)
        if not lone or not any(entry.is_dir() for entry in _entries(folders[0])):
            break
        if any(is_picture(entry) for entry in _entries(folders[0])):
            break
        if split_of(folders[0].name):
            break
        top = folders[0]
    if top == root:
        return top, []
    return top, [f"the classes are in {top.relative_to(root).as_posix()}/ inside {root}"]


def split_of(name: str) -> str:
    """Return the split that a folder's name means, "" for none."""
    for split, names in SPLIT_NAMES.items():
        if name.lower() in names:
            return split
    return ""


def _split_folders(top: Path, folders: list[Path]) -> dict[Path, str]:
    """Return the folders that are splits: those named so, if they hold class folders."""
    named = {folder: split_of(folder.name) for folder in folders if split_of(folder.name)}
    if not named:
        return {}
    flat = not any(_holds_folders(folder) for folder in named)
    if flat and len(named) < len(folders):
        return {}  # a class of pictures may be called "train"
    if "train" not in named.values():
        raise UserError(
            f"{top} has {', '.join(folder.name for folder in named)} but no train folder",
            rule="a model learns from train; valid and test can be taken out of it",
            choices=[folder.name for folder in folders],
            fix="rename the folder to learn from to train",
        )
    return named


def _list_splits(listing: Listing, parts: dict[Path, str]) -> None:
    for folder, split in parts.items():
        for entry in _entries(folder):
            if entry.is_dir():
                _list_class(listing, entry, split)
            else:
                item = entry.relative_to(listing.root).as_posix()
                listing.set_aside.append(BadItem(item, LOOSE))
    told = ", ".join(f"{folder.name} ({split})" for folder, split in parts.items())
    listing.notes.append(f"splits are given by folders: {told}")
    listing.empty_classes = sorted({*listing.empty_classes} - {*listing.labels})


def _list_class(listing: Listing, folder: Path, split: str) -> None:
    before = len(listing.files)
    for path in _walk(folder):
        item = path.relative_to(listing.root).as_posix()
        if is_picture(path):
            listing.files.append(item)
            listing.labels.append(folder.name)
            listing.splits.append(split)
        else:
            kind = path.suffix.lower() or "no suffix"
            listing.set_aside.append(BadItem(item, f"not a picture ({kind})"))
    if len(listing.files) == before:
        listing.empty_classes.append(folder.name)


def _list_heap(listing: Listing) -> None:
    """List the pictures that lie in no class folder, of those in split folders where there are."""
    loose = [item.item for item in listing.set_aside if item.reason == LOOSE]
    loose = [name for name in loose if is_picture(listing.root / name)]
    loose = [name for name in loose if "/" in name] or loose
    if not loose:
        return
    listing.files, listing.labels = loose, [""] * len(loose)
    listing.splits = [split_of(name.partition("/")[0]) if "/" in name else "" for name in loose]
    listed = set(loose)
    listing.set_aside = [item for item in listing.set_aside if item.item not in listed]
    listing.empty_classes = []
    listing.notes.append("the pictures lie in no class folders: nothing says what each shows")


def _say_layout(listing: Listing) -> None:
    classes = len(set(listing.labels))
    listing.notes.append(f"each folder in {listing.root} is a class: {counted(classes, 'class')}")
    deep = sum(item.count("/") > 1 for item in listing.files)
    if deep:
        listing.notes.append(
            counted(deep, "picture lies deeper than its", "pictures lie deeper than their")
            + " class folder; the first folder is the class"
        )


def _list_strays(listing: Listing, top: Path) -> None:
    for entry in _entries(top):
        if entry.is_file():
            reason = LOOSE if is_picture(entry) else "not a picture"
            listing.set_aside.append(BadItem(entry.name, reason))


def _nothing_found(root: Path, listing: Listing) -> UserError:
    """Say what was looked for in ``root`` and what is there."""
    others = [item.item for item in listing.set_aside]
    kinds = Counter(Path(item).suffix.lower() or "no suffix" for item in others)
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
    if listing.empty_classes:
        folders = ", ".join(listing.empty_classes[:5])
        found = f"{found or 'no files'} in the folders {folders}"
    return UserError(
        f"no pictures in {root}",
        rule=f"looked for {_LAYOUTS}; found {found or 'an empty folder'}",
        fix="check the path" if others or listing.empty_classes else "put the pictures there",
    )


def _entries(folder: Path) -> list[Path]:
    """Return what is in ``folder``, sorted, without hidden and system files."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be listed: {error.strerror}") from error
    return [entry for entry in entries if not _is_hidden(entry.name)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files below ``folder`` in sorted order; links are followed, loops are not."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(place) / name for name in sorted(names) if not _is_hidden(name))


def is_picture(path: Path) -> bool:
    """Say whether a file is to be opened as a picture: by suffix, else by its first bytes."""
    if PICTURE_SUFFIXES.search(path.name):
        return path.is_file()
    try:
        with path.open("rb") as stream:
            # two letters (BMP, PPM) are too little to call any file a picture by
            return sniff(stream.read(64)) not in ("", "BMP", "PPM")
    except OSError:  # a folder, a socket, no permission
        return False


def _holds_folders(folder: Path) -> bool:
    return any(entry.is_dir() for entry in _entries(folder))


def _first_missing(path: Path) -> Path:
    while not path.parent.is_dir():
        path = path.parent
    return path
