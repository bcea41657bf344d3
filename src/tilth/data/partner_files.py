"""The file that belongs to each picture: its mask, or the picture that is wanted of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tilth.data.dataset import BadItem
from tilth.data.image_files import Listing, existing_folder, pictures_below, split_of
from tilth.errors import UserError
from tilth.wording import counted, setting

Partners = str | Path | Callable[[Path], Path]
"""A folder like that of the pictures, a pattern with {folder} and {stem}, or a function."""


def list_partners(path: str | Path, partners: Partners, what: str, max_bad: float) -> Listing:
    """List the pictures below a folder with the file that belongs to each as its label.

    partners: a folder in which each picture's path is found again, with any suffix; a pattern
        such as "{folder}annot/{stem}.png", where {folder} is the picture's folder in ``path``; or
        a function from the picture's path to the other's
    what: "mask" or "picture", what it is of
    A file that belongs to another is no picture of its own; train, valid and test folders directly
    in the folder are its splits.
    Raises UserError where more than ``max_bad`` of the pictures lack theirs.
    """
    root = existing_folder(path)
    names = [found.relative_to(root).as_posix() for found in pictures_below(root)]
    find = _finder(root, partners)
    found = {name: find(name) for name in names}
    taken = {partner.resolve() for partner in found.values() if partner is not None}
    pictures = [name for name in names if (root / name).resolve() not in taken]
    listing = Listing(root, kind="mask" if what == "mask" else "picture")
    parts = {name: split_of(name.partition("/")[0]) for name in pictures if "/" in name}
    splits = "train" in parts.values()
    for name in pictures:
        partner = found[name]
        if partner is None:
            listing.gaps.append(BadItem(name, f"no {what} for it"))
            continue
        listing.files.append(name)
        listing.labels.append(str(partner))
        listing.splits.append(parts.get(name, "") if splits else "")
    if not listing.files:
        raise _none_found(root, partners, what, names)
    if len(listing.gaps) > max_bad * len(pictures):
        raise _too_few(root, partners, what, listing.gaps, len(pictures))
    listing.notes.append(f"each picture has its {what}: {partners if _said(partners) else 'found'}")
    return listing


def _said(partners: Partners) -> bool:
    return isinstance(partners, str | Path)


def _finder(root: Path, partners: Partners) -> Callable[[str], Path | None]:
    if callable(partners):
        return lambda name: _there(Path(partners(root / name)))
    folder = partners_folder(partners, root)
    if folder is None:
        return lambda name: _there(root / _filled(str(partners), name))
    if not folder.is_dir():
        raise UserError(
            f"{partners} is no folder, here or in {root}",
            rule="masks and wanted pictures lie in a folder, each under its picture's name",
            fix='or give a pattern, such as "{folder}annot/{stem}.png"',
        )
    files = {_stem(found.relative_to(folder).as_posix()): found for found in pictures_below(folder)}
    return lambda name: files.get(_stem(name))


def partners_folder(partners: Partners, root: Path, here: Path = Path()) -> Path | None:
    """Return the folder that masks or pairs lie in, None for a pattern or a function.

    It is looked for in ``here``, then among the pictures in ``root``; where it is in neither,
    that in ``here`` is meant.
    """
    if callable(partners) or "{" in str(partners):
        return None
    inside = root / partners
    return inside if inside.is_dir() and not (here / partners).is_dir() else here / partners


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _filled(pattern: str, name: str) -> str:
    place = PurePosixPath(name)
    folder = "" if place.parent == PurePosixPath() else place.parent.as_posix()
    try:
        filled = pattern.format(folder=folder, stem=place.stem, name=place.name)
        # of a picture directly in the folder, "{folder}/..." would be an absolute path
        return filled if folder or pattern.startswith("/") else filled.lstrip("/")
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(
            f"{pattern!r} ({error})",
            rule="a pattern has {folder}, {stem} and {name} of the picture",
            fix='for train/1.jpg and trainannot/1.png: "{folder}annot/{stem}.png"',
        ) from error


def _none_found(root: Path, partners: Partners, what: str, names: Sequence[str]) -> UserError:
    """Return the error where nothing belongs to anything, so that none is known to be a picture."""
    said = f" by {partners}" if _said(partners) else ""
    if names and "{" in str(partners) and not callable(partners):
        said += f": for {names[0]} there is no {_filled(str(partners), names[0])}"
    folders = sorted({PurePosixPath(name).parent.as_posix() for name in names})
    files = counted(len(names), "picture file")
    return UserError(
        f"no {what} is found among the {files} in {root}{said}",
        rule=f"every picture has its {what}; picture files lie in the folders listed",
        choices=folders[:20],
        fix="correct the folder or the pattern",
    )


def _too_few(
    root: Path, partners: Partners, what: str, gaps: Sequence[BadItem], count: int
) -> UserError:
    more = f", and {len(gaps) - 10:,} more" if len(gaps) > 10 else ""
    named = ", ".join(gap.item for gap in gaps[:10]) + more
    share = float(np.ceil(1000 * len(gaps) / count) / 1000)
    return UserError(
        f"{len(gaps)} of {counted(count, 'picture')} in {root} have no {what}"
        + (f" by {partners}" if _said(partners) else "")
        + f" ({named})",
        rule=f"every picture has its {what}, but for the share max_bad",
        fix="correct the folder or the pattern, or give "
        f"{setting('max_bad', share)} to go on without them",
    )
