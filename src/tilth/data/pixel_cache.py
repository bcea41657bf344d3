"""Decoded pixels kept on disk, so that no picture is decoded twice, today or next week.

Two files under the user's cache folder, named by a hash of what would make the pixels others:
``<hash>.pixels``, one slot per picture, is read through a memory map and written by plain calls
(on a full disk a write through a map would end the process); ``<hash>.json`` lists the slots
whose bytes were fsynced before it was. Another process trusts that list and nothing else.
Writers of one hash write the same bytes to the same slots, so they need no lock between them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from tilth import aside, disk, files
from tilth.data.decoder import Decoder
from tilth.data.mask_decoder import MaskDecoder

RESERVE_BYTES = 2**30
"""What is left free on the disk, so that checkpoints still find room."""
KEEP_DAYS = 30.0
"""Caches that nobody opened for so long are deleted when another one is made."""

_DECODING = 2  # goes up when a file is decoded to other pixels than before


def cache_key(paths: Sequence[Path], decoder: Decoder | MaskDecoder) -> str:
    """Return a hash of names, sizes and times of the files, of the decoder and of Pillow.

    Raises OSError where a file is missing.
    """
    digest = hashlib.sha256(f"{_DECODING} {decoder} {PIL.__version__}".encode())
    for path in paths:
        facts = path.stat()
        digest.update(f"\n{path.absolute()}\0{facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:40]


class PixelCache:
    """Slots of ``shape`` uint8 on disk, and which of them are filled.

    filled: [slots] bool, what can be read; committed: how many of them other processes may trust
    Threads may fill and read at once.

    >>> import tempfile
    >>> cache = PixelCache(Path(tempfile.mkdtemp()), "example", slots=3, shape=(1, 2, 2))
    >>> cache.write(1, np.arange(4, dtype=np.uint8).reshape(1, 2, 2))
    >>> cache.filled.tolist(), cache.read(np.array([1])).tolist()
    ([False, True, False], [[[[0, 1], [2, 3]]]])
    """

    def __init__(self, folder: Path, key: str, *, slots: int, shape: tuple[int, ...]) -> None:
        self.pixels, self.list = folder / f"{key}.pixels", folder / f"{key}.json"
        self.filled = np.zeros(slots, dtype=np.bool_)
        self._slot_bytes = math.prod(shape)
        self.committed = 0
        self._full = False
        files.make_folders(folder)
        _forget_old(folder)
        self._take_over()
        self._check_room(folder)
        if not self.committed:
            with self.pixels.open("ab") as file:  # what another process filled there stays
                file.truncate(slots * self._slot_bytes)
        self._map = np.memmap(self.pixels, np.uint8, mode="r", shape=(slots, *shape))

    def read(self, slots: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return [len(slots), *shape], a copy; only of filled slots."""
        return np.take(np.asarray(self._map), slots, axis=0)

    def write(self, slot: int, pixels: NDArray[np.uint8]) -> None:
        """Fill a slot; a full disk is said once, and then nothing more is written."""
        if self._full or self.filled[slot]:
            return
        try:
            with self.pixels.open("r+b", buffering=0) as file:
                file.seek(slot * self._slot_bytes)
                rest = pixels.tobytes()
                while rest:  # a disk that is nearly full takes a part
                    rest = rest[file.write(rest) :]
        except OSError as error:
            self._full = True
            warnings.warn(
                f"decoded pictures are no longer cached in {self.pixels.parent} "
                f"({error.strerror or error}); everything else goes on",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self.filled[slot] = True

    def commit(self) -> None:
        """Make what is filled durable and say so to other processes; does not raise on OSError.

        Call it when all is filled and at the end; without anything new it does nothing.
        """
        if int(self.filled.sum()) == self.committed:
            return
        with contextlib.suppress(OSError):
            ready = self.filled.copy()
            disk.sync_file(self.pixels)
            ready |= self._listed()
            self.filled |= ready
            packed = np.packbits(ready).tobytes().hex()
            files.write_json(self.list, {"slots": len(ready), "filled": packed})
            self.committed = int(ready.sum())

    def _take_over(self) -> None:
        """Trust what an earlier process listed, if its file is as long as it should be."""
        if self.pixels.exists():
            if self.pixels.stat().st_size == len(self.filled) * self._slot_bytes:
                self.filled |= self._listed()
            else:  # cut short: a new file, since a reader of this one would see it change
                self.pixels.unlink()
        self.committed = int(self.filled.sum())
        if self.committed:
            with contextlib.suppress(OSError):  # a cache that may only be read is as good
                self.list.touch()  # when it was last used
        else:
            self.list.unlink(missing_ok=True)

    def _listed(self) -> NDArray[np.bool_]:
        """Return what the list on disk says, nothing where there is none."""
        slots = len(self.filled)
        try:
            content = json.loads(self.list.read_bytes())
            packed = np.frombuffer(bytes.fromhex(content["filled"]), dtype=np.uint8)
            if content["slots"] == slots and len(packed) == math.ceil(slots / 8):
                return np.unpackbits(packed, count=slots).astype(np.bool_)
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no list, or not one of ours: the pixels are decoded again
        return np.zeros(slots, dtype=np.bool_)

    def _check_room(self, folder: Path) -> None:
        missing = int((~self.filled).sum()) * self._slot_bytes
        free = shutil.disk_usage(folder).free
        if free < missing + RESERVE_BYTES:
            raise OSError(
                None, f"{missing / 2**20:,.0f} MiB are needed, {free / 2**20:,.0f} MiB free"
            )


def _forget_old(folder: Path) -> None:
    """Delete caches that were not used for KEEP_DAYS, and lists without their pixels."""
    oldest = time.time() - KEEP_DAYS * 86400
    for path in list(folder.glob("*.pixels")):
        with contextlib.suppress(OSError):
            used = path.with_suffix(".json")
            if max(p.stat().st_mtime for p in (path, used) if p.exists()) < oldest:
                aside.remove(used)
                aside.remove(path)
