"""Delimited text (CSV, TSV) to a frame of texts, where no value is lost or moved unsaid.

Every record is checked to have as many fields as the header before anything is parsed; those
that do not, or hold NUL or damaged bytes, are set aside by line number. All values stay texts:
what they mean is decided with the whole column in view (see table_values). Quotes follow
RFC 4180; a file that does not is read row by row by Python's own reader.
"""

from __future__ import annotations

import csv

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.dataset import BadItem, IntArray
from tilth.data.delimited_rows import DELIMITERS, TextTable, read_rows, wrong_count
from tilth.data.text_encoding import damaged_utf8, plain_text
from tilth.errors import UserError

_SNIFFED_LINES = 100
_SNIFFED_BYTES = 1 << 18
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r"})
_COUNTED_BYTES = 1 << 18  # at a time, in the processor's cache


def read_delimited(raw: bytes, name: str) -> TextTable:
    """Read the bytes of a CSV or TSV file (gzip too); ``name`` is for messages.

    Raises UserError for an empty file, one without rows, or one that is not text.

    >>> table = read_delimited(b"a;b\\n1;x\\n2;y;z\\n", "small.csv")
    >>> table.frame.rows(), table.bad[0].item, table.bad[0].reason
    ([('1', 'x')], 'line 3', '3 fields where the header has 2')
    """
    text, notes = plain_text(raw, name)
    if not text or text.isspace():
        raise UserError(f"{name} is empty", fix="check that the file was saved or copied whole")
    _refuse_binary(raw, text, name)
    delimiter = sniff(text)
    if not text.endswith(b"\n"):
        text += b"\n"
    table = _sound(text, delimiter) or _fast(text, delimiter) or read_rows(text, delimiter, name)
    table.notes[:0] = notes
    table.delimiter = delimiter
    if delimiter != ",":
        table.notes.append(f"{name}: fields are separated by {DELIMITERS[delimiter]}")
    if table.frame.height == 0 and not table.bad:
        raise UserError(
            f"{name} has a header line but no rows",
            fix="check that the file was saved or copied whole",
        )
    return table


def sniff(text: bytes) -> str:
    """Return the delimiter that gives the first lines the number of fields of the header.

    >>> sniff(b"a;b\\n1,5;2\\n")
    ';'
    """
    lines = [_csv_line(line) for line in text[:_SNIFFED_BYTES].split(b"\n")[:_SNIFFED_LINES]]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if counts and counts[0] > 1:
            agree = sum(count == counts[0] for count in counts) / len(counts)
            # a tie in agreement to a tenth goes to more fields
            best, best_score = max(
                (best, best_score), (delimiter, (round(agree, 1), counts[0])), key=lambda p: p[1]
            )
    return best


def _refuse_binary(raw: bytes, text: bytes, name: str) -> None:
    start = text[:_SNIFFED_BYTES]
    controls = len(start) - len(start.translate(None, _CONTROLS))
    many = controls > max(2, len(start) / 50) and damaged_utf8(raw[:_SNIFFED_BYTES])
    if many or start.count(b"\0") > len(start) / 10:
        raise UserError(
            f"{name} is not a text table ({controls} control characters at its start)",
            rule="tables are CSV, TSV (also gzipped) or Parquet",
            fix="export it as UTF-8 CSV",
        )


def _fields(line: bytes, delimiter: str) -> list[str]:
    reader = csv.reader([_csv_line(line)], delimiter=delimiter, skipinitialspace=True)
    return [name.strip() for name in next(reader)]


def _csv_line(line: bytes) -> str:
    """Return the text of a line; a lone carriage return would stop Python's reader."""
    return line.decode(errors="replace").replace("\r", " ")


def _sound(text: bytes, delimiter: str) -> TextTable | None:
    """Parse a file without quotes in which nothing is wrong; None for any other.

    polars refuses a record with too many fields, so if the delimiters number as many as a whole
    table has, no record has too few.
    """
    if b'"' in text or b"\0" in text:
        return None
    records = _count(text, b"\n")
    names = _fields(text[: text.index(b"\n")], delimiter)
    if len(names) < 2 or _count(text, delimiter.encode()) != records * (len(names) - 1):
        return None
    try:
        frame = _parse(text, len(names), delimiter, quoted=False, header=True)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != records - 1:
        return None
    return TextTable(frame, np.arange(2, records + 1), names)


def _count(text: bytes, letter: bytes) -> int:
    """Return how often ``letter`` occurs (several times faster than bytes.count, for many)."""
    letters = np.frombuffer(text, dtype=np.uint8)
    parts = range(0, len(letters), _COUNTED_BYTES)
    return sum(int(np.count_nonzero(letters[i : i + _COUNTED_BYTES] == ord(letter))) for i in parts)


def _fast(text: bytes, delimiter: str) -> TextTable | None:
    """Parse with polars after a check of every record; None if the quotes are not RFC 4180."""
    letters = np.frombuffer(text, dtype=np.uint8)
    marks = (letters == ord(delimiter)) | (letters == ord("\n"))
    quoted = b'"' in text
    if quoted:
        inside = _inside_quotes(letters, delimiter)
        if inside is None:
            return None
        marks &= ~inside
    places = np.flatnonzero(marks)
    ends_at = np.flatnonzero(letters[places] == ord("\n"))
    counts = np.diff(ends_at, prepend=-1)  # fields per record: marks up to its line end
    ends = places[ends_at]
    starts = np.append(0, ends[:-1] + 1)
    lines = _line_numbers(letters, starts, quoted)
    header = int(np.argmax(ends > starts))
    names = _fields(text[starts[header] : ends[header]], delimiter)
    blank = _blank(text, starts, ends, counts, len(names))
    wrong = _wrong_records(text, starts, ends, counts, len(names), blank)
    wrong.pop(header, None)
    bad = [
        BadItem(
            f"line {lines[i]}",
            reason or wrong_count(int(counts[i]), len(names), text[starts[i] : ends[i]], delimiter),
        )
        for i, reason in wrong.items()
    ]
    keep = ~blank
    keep[[header, *wrong]] = False
    frame = _parse(_join(text, starts, ends, keep), len(names), delimiter, quoted)
    if frame.height != keep.sum():
        return None
    return TextTable(frame, lines[keep], names, bad)


def _inside_quotes(letters: NDArray[np.uint8], delimiter: str) -> NDArray[np.bool_] | None:
    """Return which bytes are inside quotes; None where a quote stands elsewhere than at an end.

    A doubled quote closes and opens, so that parity is right for every well-formed field.
    """
    quotes = letters == ord('"')
    at = np.flatnonzero(quotes)
    if len(at) % 2:
        return None
    edge = np.zeros(256, dtype=bool)
    edge[[ord(delimiter), ord("\n"), ord('"')]] = True
    opens, closes = at[0::2], at[1::2]
    good = edge[letters[opens - 1]] | (opens == 0)  # letters[-1] is the last line end
    if not (good & edge[letters[closes + 1]]).all():
        return None
    return np.asarray(np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_))


def _line_numbers(letters: NDArray[np.uint8], starts: IntArray, quoted: bool) -> IntArray:
    if not quoted:
        return np.arange(1, len(starts) + 1)
    all_ends = np.flatnonzero(letters == ord("\n"))
    return np.searchsorted(all_ends, starts) + 1


def _blank(
    text: bytes, starts: IntArray, ends: IntArray, counts: IntArray, expected: int
) -> NDArray[np.bool_]:
    """Return which records hold nothing but spaces (and are no row of empty fields)."""
    blank: NDArray[np.bool_] = (ends == starts) & (counts == 1)
    for i in np.flatnonzero((counts != expected) & ~blank).tolist():
        blank[i] = not text[starts[i] : ends[i]].strip()
    return blank


def _wrong_records(
    text: bytes,
    starts: IntArray,
    ends: IntArray,
    counts: IntArray,
    expected: int,
    blank: NDArray[np.bool_],
) -> dict[int, str]:
    """Return the records that cannot be used and why ('' for a wrong number of fields)."""
    wrong = dict.fromkeys(np.flatnonzero((counts != expected) & ~blank).tolist(), "")
    if b"\0" in text:
        zeros = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 0)
        records = np.unique(np.searchsorted(ends, zeros)).tolist()
        wrong |= dict.fromkeys(records, "holds a NUL byte")
    if damaged_utf8(text):
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        damaged = (i for i, (low, high) in enumerate(spans) if damaged_utf8(text[low:high]))
        wrong |= dict.fromkeys(damaged, "holds bytes that are not UTF-8")
    return dict(sorted(wrong.items()))


def _join(text: bytes, starts: IntArray, ends: IntArray, keep: NDArray[np.bool_]) -> bytes:
    """Return the text of the records to keep, joined from runs of neighbours."""
    edges = np.diff(keep.astype(np.int8), prepend=0, append=0)
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    spans = zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True)
    view = memoryview(text)
    return b"".join(view[low : high + 1] for low, high in spans)


def _parse(
    body: bytes, width: int, delimiter: str, quoted: bool, *, header: bool = False
) -> pl.DataFrame:
    columns = [str(i) for i in range(width)]
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.read_csv(
        body,
        has_header=header,
        new_columns=columns,
        separator=delimiter,
        quote_char='"' if quoted else None,
        infer_schema=False,
        raise_if_empty=False,
    )
