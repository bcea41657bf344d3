"""What a caller asks a predictor: one item, several, or a frame, with a name for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tilth.data.dataset import BadItem, Preprocessor
from tilth.errors import UserError
from tilth.ship import frames

Name = str | int | None


@dataclass(frozen=True)
class Request:
    """What was asked.

    shape: "one" item, "many" items, or a "frame"; items: the items, or [the frame]
    names: what each item, or row of the frame, is called in the answer
    bad: lines of a file that are no rows
    """

    shape: Literal["one", "many", "frame"]
    items: list[Any]
    names: Sequence[Name]
    bad: list[BadItem] = field(default_factory=list)


def understand(asked: Any, preprocessor: Preprocessor) -> Request:
    """Return what ``asked`` means for a model of this kind of input.

    Raises UserError for what it cannot mean.
    """
    if isinstance(asked, list | tuple):
        return many(_without_folders(asked) if preprocessor.kind == "images" else asked)
    if preprocessor.kind == "images":
        return _pictures(asked, preprocessor)
    if preprocessor.kind == "table":
        return _rows(asked, preprocessor)
    dimensions = getattr(preprocessor, "dimensions", None)
    if dimensions is not None and getattr(asked, "ndim", 0) == dimensions + 1:
        return many(list(asked))  # items laid side by side
    return one(asked)


def understand_each(asked: Any, preprocessor: Preprocessor) -> Iterator[Request]:
    """Yield the requests of which ``asked`` consists: one, or one for each of several tables.

    Rows of several tables are named by table and line.
    """
    listed = asked if isinstance(asked, list | tuple) else ()
    tables = preprocessor.kind == "table" and listed
    if not tables or not all(isinstance(item, str | Path) for item in listed):
        yield understand(asked, preprocessor)
        return
    for path in listed:
        found = _file(Path(path))
        names = [
            f"{path}: {f'row {name}' if isinstance(name, int) else name}" for name in found.names
        ]
        bad = [replace(one, item=f"{path}: {one.item}") for one in found.bad]
        yield replace(found, names=names, bad=bad)


def one(item: Any) -> Request:
    """Return a request about a single item."""
    return Request("one", [item], [str(item) if isinstance(item, str | Path) else None])


def many(items: Iterable[Any]) -> Request:
    """Return a request about several items; what is no path is named by its place."""
    listed = list(items)
    names: list[Name] = [
        str(item) if isinstance(item, str | Path) else place for place, item in enumerate(listed)
    ]
    return Request("many", listed, names)


def _pictures(asked: Any, preprocessor: Preprocessor) -> Request:
    if frames.library(asked):
        raise UserError(
            "a frame for a model of pictures",
            rule="it takes paths, pictures and arrays",
            fix='give the column of paths as a list: predict(frame["path"].to_list())',
        )
    if isinstance(asked, str | Path) and Path(asked).is_dir():
        return many(_in_folder(Path(asked)))
    dimensions = getattr(asked, "ndim", 0)
    if dimensions == 4:
        return many(list(asked))
    if dimensions == 3 and len(preprocessor(asked)) > 1:  # grey pictures without a channel axis
        return many(list(asked))
    return one(asked)


def _without_folders(asked: Iterable[Any]) -> list[Any]:
    """Return the items with the pictures of a folder in its place."""
    items: list[Any] = []
    for item in asked:
        is_folder = isinstance(item, str | Path) and Path(item).is_dir()
        items += _in_folder(Path(item)) if is_folder else [item]
    return items


def _in_folder(folder: Path) -> list[Path]:
    # listing needs more than a server that is sent bytes does
    from tilth.data.image_files import pictures_below

    found = pictures_below(folder)
    if not found:
        raise UserError(f"no pictures in {folder}", fix="check the path")
    return found


def _rows(asked: Any, preprocessor: Preprocessor) -> Request:
    if frames.library(asked):
        return Request("frame", [asked], range(len(asked)))
    if isinstance(asked, str | Path):
        return _file(Path(asked))
    if isinstance(asked, Mapping):
        return Request("one", [dict(asked)], [None])
    if type(asked).__name__ == "Series" and hasattr(asked, "to_dict"):  # a row of a pandas frame
        return Request("one", [asked.to_dict()], [None])
    width = getattr(preprocessor, "width", 0)
    if width and getattr(asked, "ndim", 0) in (1, 2):
        return _unnamed(asked, width)
    raise UserError(
        f"a {type(asked).__name__} for a model of a table",
        rule="it takes a polars or pandas frame, the path of a table, a row as a dict, or a list",
        fix="collect a lazy frame, name the columns of an array: pl.DataFrame(array, schema=[...])",
    )


def _unnamed(asked: Any, width: int) -> Request:
    """Return a request about rows, or one row, of an array or a tensor."""
    from tilth.data.array_table import as_rows, named

    if asked.shape[-1] != width:
        raise UserError(
            f"an array of shape {tuple(asked.shape)}",
            rule=f"the model learned from rows of {width} numbers: [{width}] or [rows, {width}]",
        )
    rows = named(as_rows(asked if asked.ndim == 2 else asked[None])).to_dicts()
    return many(rows) if asked.ndim == 2 else one(rows[0])


def _file(path: Path) -> Request:
    """Read a table file; its rows are called by their lines."""
    from tilth.data.table_read import read_frame

    reading = read_frame(path, max_bad=1.0)  # the bad ones get their answer too
    names: Sequence[Name] = range(reading.frame.height)
    if reading.lines is not None:
        names = [reading.row_name(row) for row in range(reading.frame.height)]
    return Request("frame", [reading.frame], names, reading.bad)
