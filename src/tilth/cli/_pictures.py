"""Answers that are pictures, written to a folder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth.errors import UserError

if TYPE_CHECKING:
    from tilth.ship.picture_answers import PictureAnswers


def places(items: Sequence[str], out: str | None, force: bool) -> dict[str, Path]:
    """Return where the answer for each picture of files and folders goes, as PNG.

    Raises UserError without a folder to write to, where two answers would have one name, and for
    what is there already.
    """
    from tilth.data.image_files import pictures_below

    if not out:
        raise UserError(
            "pictures without a place for what is made of them",
            rule="they are written as PNG files to a folder",
            fix="--out answers",
        )
    folder = Path(out)
    if folder.suffix and not folder.is_dir():
        raise UserError(
            f"--out {out}", rule="pictures are written to a folder", fix=f"--out {folder.stem}"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {out} is a file", rule="it is a folder", fix="choose another name")
    found: dict[str, Path] = {}
    for item in map(Path, items):
        pictures = pictures_below(item) if item.is_dir() else [item]
        above = item if item.is_dir() else item.parent
        if not pictures:
            raise UserError(f"no pictures in {item}", fix="check the path")
        found |= {str(one): folder / one.relative_to(above).with_suffix(".png") for one in pictures}
    _check(found, force)
    return found


def _check(found: dict[str, Path], force: bool) -> None:
    taken: dict[Path, str] = {}
    for name, place in found.items():
        if place in taken:
            raise UserError(
                f"{taken[place]} and {name} would both be written to {place}",
                fix="ask for them one after the other, to two folders",
            )
        taken[place] = name
        if place.exists() and not force:
            raise UserError(
                f"{place} exists", rule="nothing is overwritten unasked", fix="--force replaces it"
            )


def answered(model: PictureAnswers, where: dict[str, Path]) -> Iterator[dict[str, Any]]:
    """Write what is made of each picture; yield {"item", "picture"} or {"item", "error"}."""
    from tilth.files import replace_bytes

    for name, answer in model.apply_items(list(where)):
        if isinstance(answer, UserError):
            yield {"item": name, "error": str(answer)}
            continue
        place = where[str(name)]
        written = io.BytesIO()
        answer.save(written, "PNG")
        try:
            replace_bytes(place, written.getvalue())
        except OSError as error:
            raise UserError(
                f"cannot write {place} ({error.strerror or error})", fix="choose another place"
            ) from error
        yield {"item": name, "picture": str(place)}
