"""A table from a file (CSV, TSV, gzip of them, Parquet) or from a frame in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tilth.data.coded_text import user_column
from tilth.data.dataset import BadItem, IntArray
from tilth.data.delimited import read_delimited
from tilth.data.table_frames import columns_of
from tilth.errors import UserError
from tilth.wording import counted, setting

_PARQUET = b"PAR1"
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"ARROW1": "an Arrow file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "an SQLite database",
}
_LISTED = 20


@dataclass
class Reading:
    """A table as it was found.

    frame: columns with distinct names; texts of a file are still texts
    lines: [rows] line numbers in the file, None for Parquet and frames
    bad: what was set aside; notes: what was found, in words
    repeated: column names that occur more than once, as written (later ones got a suffix)
    commas: whether a comma in a number can be a decimal one: fields are separated otherwise
    """

    frame: pl.DataFrame
    name: str
    lines: IntArray | None = None
    bad: list[BadItem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    commas: bool = False

    def row_name(self, row: int) -> str:
        """Return what to call a row: its line in the file, or its number counted from 0."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"


def read_frame(source: Any, *, max_bad: float = 0.01) -> Reading:
    """Read a path or take a frame (polars, pandas, Arrow, a dict of columns, a list of dicts).

    Raises UserError for what is no table, and where more than the fraction ``max_bad`` of the
    lines had to be set aside.

    >>> read_frame({"a": [1, 2]}).frame.shape
    (2, 1)
    """
    if isinstance(source, (str, Path)):
        reading = _read_file(Path(source))
    else:
        reading = _with_names(*columns_of(source), "the table")
        if reading.frame.height == 0:
            raise UserError("the table has no rows")
    check_bad(reading.bad, reading.frame.height + len(reading.bad), max_bad, reading.name)
    return reading


def check_bad(bad: Sequence[BadItem], total: int, max_bad: float, name: str) -> None:
    """Raise UserError with the list where more than ``max_bad`` of ``total`` rows are bad."""
    if len(bad) <= max_bad * total:
        return
    reasons: dict[str, list[str]] = {}
    for item in bad[:_LISTED]:
        reasons.setdefault(item.reason, []).append(item.item)
    listed = "; ".join(f"{reason} ({', '.join(rows)})" for reason, rows in reasons.items())
    more = f"; and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    raise UserError(
        f"{len(bad)} of {counted(total, 'row')} of {name} cannot be used: {listed}{more}",
        rule=f"at most {max_bad:.3g} of the rows may be set aside",
        fix=f"mend them, or allow more: {setting('max_bad', _rounded_up(len(bad) / total))}",
    )


def _rounded_up(fraction: float) -> float:
    return min(1.0, round(fraction + 0.005, 2))


def _read_file(path: Path) -> Reading:
    if not path.exists():
        near = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise UserError(f"there is no file {path}", choices=near[:_LISTED])
    if path.is_dir():
        raise UserError(f"{path} is a folder", rule="a table is a file")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    for magic, what in _OTHER_FORMATS.items():
        if raw.startswith(magic):
            raise UserError(
                f"{path.name} is {what}",
                rule="tables are CSV, TSV (also gzipped) or Parquet",
                fix="save it as CSV",
            )
    if raw.startswith(_PARQUET):
        return _read_parquet(raw, path.name)
    table = read_delimited(raw, path.name)
    reading = _with_names(table.frame, table.names, path.name)
    reading.lines, reading.bad = table.lines, table.bad
    reading.notes = table.notes + reading.notes
    reading.commas = table.delimiter != ","
    return reading


def _read_parquet(raw: bytes, name: str) -> Reading:
    try:
        frame = pl.read_parquet(raw)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{name} is a damaged Parquet file ({error})") from error
    if frame.height == 0:
        raise UserError(f"{name} has columns but no rows")
    return _with_names(pl.DataFrame([user_column(c) for c in frame]), frame.columns, name)


def _with_names(frame: pl.DataFrame, names: Sequence[str], name: str) -> Reading:
    """Give the columns distinct names: 'x', 'x.2', ...; an empty one becomes 'unnamed'."""
    seen: set[str] = set()
    distinct, repeated = [], []
    for given in names:
        base = given or "unnamed"
        unique, count = base, 1
        while unique in seen:
            count += 1
            unique = f"{base}.{count}"
        if count > 1:
            repeated.append(base)
        seen.add(unique)
        distinct.append(unique)
    reading = Reading(frame.rename(dict(zip(frame.columns, distinct, strict=True))), name)
    reading.repeated = list(dict.fromkeys(repeated))
    for twice in reading.repeated:
        reading.notes.append(f"column {twice!r} occurs more than once: the next is '{twice}.2'")
    return reading
