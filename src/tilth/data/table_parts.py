"""The tables that make up a data set (train, and perhaps valid and test) as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tilth.data.coded_text import plain
from tilth.data.dataset import BadItem, IntArray
from tilth.data.keys import Keys, mix, text_key
from tilth.data.table_files import table_files
from tilth.data.table_read import Reading, read_frame
from tilth.data.table_values import as_text
from tilth.errors import UserError, choose


@dataclass(frozen=True)
class RowNames:
    """What each row is called: its line in its file, or its number in its frame.

    files: the tables, empty names where there is one only; role: [rows] index into it
    numbers: [rows] line or row numbers; words: "line" or "row" per table
    """

    files: list[str]
    words: list[str]
    role: IntArray
    numbers: IntArray

    def __getitem__(self, row: int) -> str:
        role = self.role[row]
        name = f"{self.words[role]} {self.numbers[row]}"
        return f"{self.files[role]} {name}" if self.files[role] else name

    def keys(self, rows: IntArray) -> Keys:
        """Return a 64-bit key of the name of each of ``rows``."""
        words = [text_key(f"{f} {w}") for f, w in zip(self.files, self.words, strict=True)]
        tables = np.array(words, dtype=np.uint64)
        return mix(self.numbers[rows].astype(np.uint64) ^ tables[self.role[rows]])

    def pick(self, rows: IntArray) -> RowNames:
        """Return the names of ``rows`` only."""
        return RowNames(self.files, self.words, self.role[rows], self.numbers[rows])


@dataclass
class Parts:
    """Several tables, one below the other, with the columns of the first.

    frame: all rows; roles: the roles there are, train first; role: [rows] index into them
    bad, notes: of all of them; repeated: column names that occur more than once in one
    absent: columns that a later table lacks
    commas: whether a comma in a number can be a decimal one, in all of them
    """

    frame: pl.DataFrame
    roles: list[str]
    names: RowNames
    bad: list[BadItem]
    notes: list[str]
    repeated: list[str]
    absent: list[str]
    commas: bool

    @property
    def role(self) -> IntArray:
        """[rows] index into ``roles``."""
        return self.names.role


def read_parts(source: Any, target: str | None, test: Any, valid: Any, max_bad: float) -> Parts:
    """Read ``source`` (a table, or a folder of them by role) with ``test`` and ``valid``.

    Raises UserError for what is no table, and for a table without the column ``target``,
    where one is named.
    """
    sources = {"train": source, "valid": valid, "test": test}
    given = {role: value for role, value in sources.items() if value is not None}
    found: Mapping[str, Path] = {}
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        found = table_files(Path(source))
        if not found:
            entries = sorted(path.name for path in Path(source).iterdir())[:20]
            raise UserError(
                f"no table in {source}",
                rule="a table is a .csv, .tsv, .data or .parquet file",
                choices=entries,
            )
        given = {**found, **{role: given[role] for role in ("valid", "test") if role in given}}
    roles = [role for role in sources if role in given]
    readings = {role: read_frame(given[role], max_bad=max_bad) for role in roles}
    for role, reading in readings.items():
        if not isinstance(given[role], (str, Path)):
            reading.name = role
    notes = [] if target is None else _check_target(readings, target, optional=found)
    kept = [role for role in roles if role in readings]
    return _stacked({role: readings[role] for role in kept}, notes)


def _check_target(
    readings: dict[str, Reading], target: str, optional: Mapping[str, Path]
) -> list[str]:
    """Refuse tables without the target; one that was only found in the folder is left out."""
    notes = []
    for role, reading in list(readings.items()):
        if target in reading.frame.columns:
            continue
        if role != "train" and role in optional:
            notes.append(
                f"{reading.name} has no column {target!r}: it is left out, "
                "and can be given to predict"
            )
            del readings[role]
            continue
        if any(_is_number(name) for name in reading.frame.columns):
            raise UserError(
                f"there is no column {target!r} in {reading.name}; its first line looks like "
                f"values, not names ({', '.join(reading.frame.columns[:8])})",
                rule="a table begins with a line of column names",
                fix="add that line",
            )
        choose(target, reading.frame.columns, f"column of {reading.name}")
    for reading in readings.values():
        if target in reading.repeated:
            raise UserError(
                f"the target {target!r} occurs more than once in {reading.name}",
                fix="rename or delete all but one",
            )
    return notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _stacked(readings: Mapping[str, Reading], notes: list[str]) -> Parts:
    tables = list(readings.values())
    columns, absent = tables[0].frame.columns, []
    for reading in tables[1:]:
        extra = [name for name in reading.frame.columns if name not in columns]
        lacking = [name for name in columns if name not in reading.frame.columns]
        absent += [f"{reading.name}: {name}" for name in lacking]
        if extra:
            notes.append(f"{reading.name}: columns that train lacks are left out: {extra}")
        if lacking:
            notes.append(f"{reading.name} lacks columns, which count as missing: {lacking}")
    frames = [reading.frame for reading in tables]
    frame = frames[0]
    if len(frames) > 1:
        frame = pl.DataFrame([_joined(name, frames) for name in columns])
    files = [reading.name if len(tables) > 1 else "" for reading in tables]
    bad = [
        BadItem(f"{file} {item.item}".strip(), item.reason)
        for file, reading in zip(files, tables, strict=True)
        for item in reading.bad
    ]
    names = RowNames(
        files,
        ["row" if reading.lines is None else "line" for reading in tables],
        np.repeat(np.arange(len(tables)), [frame.height for frame in frames]),
        np.concatenate([_numbers(reading) for reading in tables]),
    )
    said = [note for reading in tables for note in reading.notes]
    repeated = [name for reading in tables for name in reading.repeated]
    commas = all(reading.commas for reading in tables)
    return Parts(frame, list(readings), names, bad, said + notes, repeated, absent, commas)


def _numbers(reading: Reading) -> IntArray:
    return np.arange(reading.frame.height) if reading.lines is None else reading.lines


def _joined(name: str, frames: list[pl.DataFrame]) -> pl.Series:
    """Return one column of all frames; where their types disagree it becomes text."""
    columns = [plain(frame[name]) if name in frame.columns else None for frame in frames]
    present = [column for column in columns if column is not None]
    kinds = {column.dtype for column in present if column.dtype != pl.Null}
    kind: Any = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        numeric = all(column.dtype.is_numeric() for column in present)
        kind = pl.Float64 if numeric else pl.String
    pieces = []
    for frame, column in zip(frames, columns, strict=True):
        if column is None:
            pieces.append(pl.Series(name, [None] * frame.height, dtype=kind))
        elif column.dtype == kind:
            pieces.append(column)
        else:
            pieces.append(as_text(column) if kind == pl.String else column.cast(kind))
    return pl.concat(pieces).alias(name)
