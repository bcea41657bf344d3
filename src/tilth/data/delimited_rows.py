"""Delimited text whose quotes are not written as in RFC 4180, read row by row (slowly)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from tilth.data.dataset import BadItem, IntArray
from tilth.data.text_encoding import damaged_utf8

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_FEW = 0.01  # a reading that sets aside more than this gives way to another
_FIELD_LIMIT = 1 << 24  # characters; the csv module's own limit of 131,072 is too small for texts


@dataclass
class TextTable:
    """What a delimited file held.

    frame: one String column per field (names as in the file); lines: [rows] line numbers
    bad: lines that were set aside; notes: what was found, in words
    delimiter: what stands between the fields
    """

    frame: pl.DataFrame
    lines: IntArray
    names: list[str]
    bad: list[BadItem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    delimiter: str = ","


def wrong_count(count: int, expected: int, line: bytes, delimiter: str) -> str:
    """Say what is wrong with a record of ``count`` fields, and whose delimiter it may have."""
    reason = f"{count} field{'s' * (count != 1)} where the header has {expected}"
    for other, word in DELIMITERS.items():
        if other != delimiter and line.count(other.encode()) + 1 == expected:
            return f"{reason} (it seems to be separated by {word})"
    return reason


def read_rows(text: bytes, delimiter: str, name: str) -> TextTable:
    """Read a file with stray quotes row by row.

    Tried in order: quotes after spaces are quotes and may hold line ends; the same within single
    lines, where those with a quote that never closes are set aside; quotes are letters.
    """
    decoded = text.decode(errors="surrogateescape")
    damaged = b"\0" in text or damaged_utf8(text)
    notes = {
        "whole": f"{name}: quotes are not written as in RFC 4180, read row by row",
        "lines": f"{name}: some quotes never close, read line by line",
        "letters": f"{name}: quotes do not pair, read as ordinary letters",
    }
    tables = {}
    for way in notes:
        try:
            tables[way] = _rows(_records(decoded, delimiter, way), delimiter, damaged)
        except csv.Error:
            continue
        if len(tables[way].bad) <= tables[way].frame.height * _FEW:
            break
    way = min(tables, key=lambda key: len(tables[key].bad))
    tables[way].notes.append(notes[way])
    return tables[way]


def _rows(
    records: Iterable[tuple[int, list[str] | None]], delimiter: str, damaged: bool
) -> TextTable:
    """Collect records of equal width; None stands for one that cannot be read."""
    names: list[str] = []
    table = TextTable(pl.DataFrame(), np.empty(0, dtype=np.int64), names)
    rows, lines = [], []
    for number, row in records:
        if row is None:
            table.bad.append(BadItem(f"line {number}", "a quote opens and never closes"))
        elif not names:
            names += [cell.strip() for cell in row]
        elif damaged and (reason := _damaged(row)):
            table.bad.append(BadItem(f"line {number}", reason))
        elif len(row) != len(names):
            reason = wrong_count(len(row), len(names), delimiter.join(row).encode(), delimiter)
            table.bad.append(BadItem(f"line {number}", reason))
        else:
            rows.append(row)
            lines.append(number)
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) or [()] * len(names)
    table.frame = pl.DataFrame(
        {str(i): pl.Series(column, dtype=pl.String) for i, column in enumerate(columns)}
    )
    table.lines = np.array(lines, dtype=np.int64)
    return table


def _damaged(row: list[str]) -> str:
    text = "".join(row)
    if "\0" in text:
        return "holds a NUL byte"
    if any("\udc80" <= letter <= "\udcff" for letter in text):
        return "holds bytes that are not UTF-8"
    return ""


def _records(text: str, delimiter: str, way: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the line number and fields of each record that is not blank."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if way == "letters" else csv.QUOTE_MINIMAL
    before = csv.field_size_limit(_FIELD_LIMIT)

    def read(lines: Iterable[str]) -> Any:
        return csv.reader(
            lines,
            delimiter=delimiter,
            quoting=quoting,
            skipinitialspace=True,
            strict=way != "letters",
        )

    try:
        if way != "lines":
            number, reader = 1, read(io.StringIO(text, newline="\n"))
            for row in reader:
                if len(row) > 1 or "".join(row).strip():
                    yield number, row
                number = reader.line_num + 1
            return
        for number, line in enumerate(text.split("\n"), start=1):
            try:
                yield from ((number, row) for row in read([line]) if line.strip())
            except csv.Error:
                yield number, None
    finally:
        csv.field_size_limit(before)
