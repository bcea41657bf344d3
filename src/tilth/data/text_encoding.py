"""From the bytes of a text file to UTF-8 with one kind of line end, saying what was done."""

from __future__ import annotations

import codecs
import gzip
import zlib

from tilth.errors import UserError

_GZIP = b"\x1f\x8b"
_WIDE = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNUSED_IN_CP1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


def plain_text(raw: bytes, name: str) -> tuple[bytes, list[str]]:
    """Return ``raw`` as UTF-8 with ``\\n`` line ends, and notes on what was found.

    Unpacks gzip, takes a byte order mark off, reads UTF-16 and, where the bytes are not UTF-8,
    Windows-1252 or Latin-1. Bytes that are damaged UTF-8 in a UTF-8 file stay as they are, for
    the caller to set their lines aside. Raises UserError for a damaged gzip file.

    >>> plain_text("caf\\xe9\\r\\n".encode("latin-1"), "menu.csv")
    (b'caf\\xc3\\xa9\\n', ['menu.csv is not UTF-8: read as Windows-1252 (Latin-1)'])
    """
    notes: list[str] = []
    if raw.startswith(_GZIP):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{name} is a damaged gzip file ({error})") from error
    for mark, encoding in _WIDE:
        if raw.startswith(mark):
            notes.append(f"{name} begins with a {encoding.upper()} byte order mark: taken off")
            if encoding == "utf-8":
                raw = raw[len(mark) :]
            else:
                raw = raw.decode(encoding, errors="replace").encode()
    if not raw.isascii():
        raw, note = _as_utf8(raw, name)
        notes += note
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n")
        if b"\n" not in raw:
            raw = raw.replace(b"\r", b"\n")
    return raw, notes


def _as_utf8(raw: bytes, name: str) -> tuple[bytes, list[str]]:
    try:
        raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="surrogateescape")
    else:
        return raw, []
    damaged = sum("\udc80" <= letter <= "\udcff" for letter in text)
    proper = sum(letter > "\x7f" for letter in text) - damaged
    # Latin-1 letters next to each other hardly ever form UTF-8, so many that do mean UTF-8
    if proper > damaged:
        return raw, [f"{name} is UTF-8 with {damaged} damaged bytes"]
    if any(byte in raw for byte in _UNUSED_IN_CP1252):
        return raw.decode("latin-1").encode(), [f"{name} is not UTF-8: read as Latin-1"]
    note = f"{name} is not UTF-8: read as Windows-1252 (Latin-1)"
    return raw.decode("cp1252").encode(), [note]


def damaged_utf8(line: bytes) -> bool:
    """Say whether ``line`` is not UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False
