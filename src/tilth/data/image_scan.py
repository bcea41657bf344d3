"""Looking at many picture files at once, in threads: headers, content hashes, pixels."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.decoder import Decoder
from tilth.data.mask_decoder import MaskDecoder
from tilth.data.open_image import BadImage, Header, read_header, read_picture, read_values

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

_READ_WHOLE_BYTES = 4 * 2**30  # sets up to this size are hashed in full
_HEAD_BYTES = 65536  # of larger sets the beginning and the size of each file are hashed
_CHUNK = 256  # files between two reports of progress


@dataclass
class Scan:
    """What the headers say, one entry per file.

    headers: None where the file is bad; keys: a 64-bit hash of each file's content
    bad: place in the list -> reason
    """

    headers: list[Header | None]
    keys: NDArray[np.uint64]
    bad: dict[int, str] = field(default_factory=dict)


def scan(paths: Sequence[Path], *, max_pixels: int, progress: Progress | None = None) -> Scan:
    """Read the header and hash the content of each file; no pixel is decoded."""
    sizes = [_size(path) for path in paths]
    limit = -1 if sum(sizes) <= _READ_WHOLE_BYTES else _HEAD_BYTES
    found = Scan([None] * len(paths), np.zeros(len(paths), dtype=np.uint64))

    def look(place: int) -> None:
        try:
            start = _start(paths[place], limit)
            found.keys[place] = _content_key(start, sizes[place])
            whole = limit < 0  # then it need not be opened again
            source = start if whole else paths[place]
            found.headers[place] = read_header(source, max_pixels=max_pixels)
        except BadImage as error:
            found.bad[place] = str(error)
        except OSError as error:
            found.bad[place] = f"cannot be opened ({error.strerror or error})"

    _each(look, len(paths), "looking at files", progress)
    return found


def decode_all(
    paths: Sequence[Path], decoder: Decoder | MaskDecoder, *, progress: Progress | None = None
) -> tuple[Tensor, dict[int, str]]:
    """Return the pixels of all files, uint8 [files, *shape], and the reasons of bad ones."""
    pixels = torch.empty((len(paths), *decoder.shape), dtype=torch.uint8)
    canvas = pixels.numpy()  # torch's own copy would start threads inside these threads

    def decode(place: int) -> None:
        canvas[place] = decoder(paths[place]).numpy()

    return pixels, _bad_of(decode, len(paths), "decoding pictures", progress)


def values_of(
    paths: Sequence[Path], skip: Container[int], max_pixels: int
) -> tuple[list[int], dict[int, str]]:
    """Return the values that masks hold, sorted, and the reasons of those that cannot be read."""
    there = np.zeros(256, dtype=np.bool_)

    def look(place: int) -> None:
        if place not in skip:
            there[np.unique(np.asarray(read_values(paths[place], max_pixels=max_pixels)))] = True

    bad = _bad_of(look, len(paths), "looking at masks", None)
    return [int(value) for value in np.flatnonzero(there)], bad


def find_cut_short(
    paths: Sequence[Path],
    headers: Sequence[Header],
    *,
    max_pixels: int,
    progress: Progress | None = None,
    all_decoded: bool = False,
) -> dict[int, str]:
    """Return the files that do not end as their format should and cannot be decoded.

    This reads a few bytes of each file where decoding all of them would take too long.
    all_decoded: decode every one, which finds all that is wrong with it
    """

    def look(place: int) -> None:
        if all_decoded or not _ends_well(paths[place], headers[place].format):
            read_picture(paths[place], grey=True, max_pixels=max_pixels)

    return _bad_of(look, len(paths), "checking files", progress)


def _bad_of(
    work: Callable[[int], object], count: int, what: str, progress: Progress | None
) -> dict[int, str]:
    """Run ``work`` for each place as ``_each`` does; return the reasons of bad pictures."""
    bad: dict[int, str] = {}

    def attempt(place: int) -> None:
        try:
            work(place)
        except BadImage as error:
            bad[place] = str(error)

    _each(attempt, count, what, progress)
    return bad


def _each(work: Callable[[int], None], count: int, what: str, progress: Progress | None) -> None:
    """Run ``work`` for each place in threads (decoders release Python's lock)."""
    with _quiet(), ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            list(pool.map(work, range(start, stop)))
            if progress is not None:
                progress(what, stop, count)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the decoders' own warnings (odd EXIF, odd palettes) off the screen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        yield


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _start(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(limit)


def _content_key(start: bytes, size: int) -> int:
    digest = hashlib.blake2b(str(size).encode(), digest_size=8)
    digest.update(start)
    return int.from_bytes(digest.digest(), "little")


def _ends_well(path: Path, form: str) -> bool:
    """Say whether the last bytes are those that end a whole file of this format."""
    with path.open("rb") as stream:
        start = stream.read(8)
        stream.seek(-min(64, stream.seek(0, os.SEEK_END)), os.SEEK_END)
        end = stream.read()
        size = stream.tell()
    if form in ("JPEG", "MPO"):
        return end.endswith(b"\xff\xd9")
    if form == "PNG":
        return end.endswith(b"IEND\xaeB`\x82")
    if form == "GIF":
        return end.endswith(b";")
    if form == "WEBP":
        return int.from_bytes(start[4:8], "little") + 8 == size
    return False
