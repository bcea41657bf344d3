"""Picture files that do not fit into memory: decoded by threads, ahead of use, once.

Decoders release Python's lock, so threads are enough, and nothing has to be sent between
processes. Which thread decodes what changes no number: a batch is filled in by place.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.decoder import Decoder
from tilth.data.mask_decoder import MaskDecoder
from tilth.data.open_image import BadImage
from tilth.data.pixel_cache import PixelCache, cache_key
from tilth.errors import UserError

_AHEAD = 8  # announced batches that are kept; the oldest that nobody took is dropped
_COMMIT_SECONDS = 60.0  # what a killed process can lose of its cache

Pixels = NDArray[np.uint8]


class DecodedStore:
    """Batches of picture files, as uint8 [B, C, H, W], or of masks, as uint8 [B, H, W].

    paths: the files, one row each; decoder: how one becomes pixels
    cache_folder: where decoded pixels are kept for the next epoch and the next run, or None
    workers: threads that decode what ``prefetch`` announced; 0 decodes in the calling thread
    rows: places of the files that are rows here, in this order; all where nothing is said. The
        cache is that of all files, so that stores of some of them decode nothing again

    ``note`` says in words how the pictures are read. It can be pickled: another process opens
    threads and files of its own.
    """

    resident = False

    def __init__(
        self,
        paths: Sequence[str | Path],
        decoder: Decoder | MaskDecoder,
        *,
        cache_folder: Path | None = None,
        workers: int = 2,
        rows: Sequence[int] | None = None,
    ) -> None:
        if workers < 0:
            raise UserError(f"workers={workers}", rule="workers is 0 or more threads")
        self.files, self.decoder = [Path(path) for path in paths], decoder
        self.slots = np.arange(len(paths)) if rows is None else np.asarray(rows, dtype=np.int64)
        self.paths = [self.files[slot] for slot in self.slots]
        self.cache_folder, self.workers = cache_folder, workers
        self.note = f"decoded as needed by {workers or 'no'} extra threads"
        self._stamps = [_stamp(path) for path in self.paths]
        self._coming: dict[tuple[int, ...], _Batch] = {}
        self._pool = ThreadPoolExecutor(workers, "decode") if workers else None
        self._cache = self._open_cache()
        self._commit_at = time.monotonic() + _COMMIT_SECONDS
        self._end = weakref.finalize(self, _finish, self._pool, self._cache)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Tensor, epoch: int = 0) -> Tensor:
        """Return the pixels of ``rows`` ([B] int64), decoded now where they were not before.

        Raises UserError naming the file that cannot be read.
        """
        chosen = tuple(rows.tolist())
        batch = self._coming.pop(chosen, None) or self._begin(chosen)
        pixels = torch.from_numpy(batch.finished())
        self._commit_now_and_then()
        return pixels

    def prefetch(self, rows: Tensor, epoch: int = 0) -> None:
        """Begin to decode ``rows`` in the threads."""
        chosen = tuple(rows.tolist())
        if self._pool is None or chosen in self._coming:
            return
        while len(self._coming) >= _AHEAD:
            self._coming.pop(next(iter(self._coming))).drop()
        self._coming[chosen] = self._begin(chosen)

    def keyed(self, seed: int) -> DecodedStore:
        """Return itself: nothing is drawn at random."""
        return self

    def to(self, device: torch.device) -> DecodedStore:
        """Stay where it is: pictures are decoded on the CPU."""
        return self

    def chosen(self, rows: Sequence[int]) -> DecodedStore:
        """Return a store of some of the rows alone."""
        if self._cache is not None:
            self._cache.commit()
        slots = self.slots[list(rows)].tolist()
        return _reopened(self.files, self.decoder, self.cache_folder, self.workers, slots)

    def close(self) -> None:
        """End the threads and keep what is cached; done by itself at the end of the process."""
        self._end()

    def __reduce__(self) -> tuple[Any, ...]:
        slots = self.slots.tolist()
        return _reopened, (self.files, self.decoder, self.cache_folder, self.workers, slots)

    def _open_cache(self) -> PixelCache | None:
        if self.cache_folder is None:
            return None
        try:
            key = cache_key(self.files, self.decoder)
            cache = PixelCache(
                self.cache_folder, key, slots=len(self.files), shape=self.decoder.shape
            )
        except OSError as error:
            self.note += f", not cached ({error.strerror or error})"
            warnings.warn(f"pictures are {self.note}", RuntimeWarning, stacklevel=3)
            return None
        self.note += f", cached in {self.cache_folder} ({cache.filled[self.slots].sum()} are there)"
        return cache

    def _begin(self, chosen: tuple[int, ...]) -> _Batch:
        """Start to fill a batch, in the threads or (0 workers) here and now."""
        rows = np.asarray(chosen, dtype=np.int64)
        pixels = np.empty((len(rows), *self.decoder.shape), dtype=np.uint8)
        known = np.zeros(len(rows), dtype=np.bool_)
        parts = []
        if self._cache is not None:
            slots = self.slots[rows]
            known = self._cache.filled[slots]
            parts.append(partial(_read, self._cache, slots, known, pixels))
        parts += [
            partial(self._decode, int(row), pixels[place])
            for place, row in enumerate(rows)
            if not known[place]
        ]
        if self._pool is not None:
            return _Batch(pixels, [self._pool.submit(part) for part in parts])
        for part in parts:
            part()
        return _Batch(pixels, [])

    def _decode(self, row: int, pixels: Pixels) -> None:
        path = self.paths[row]
        try:
            pixels[:] = self.decoder(path).numpy()
        except BadImage as error:
            raise UserError(
                f"{path}: {error}", fix="remove or replace the file (tilth check names all such)"
            ) from error
        if _stamp(path) != self._stamps[row]:
            raise UserError(
                f"{path} has changed since the pictures were looked through",
                rule="a run learns from what it began with",
                fix="leave the files alone while training, and begin again",
            )
        if self._cache is not None:
            self._cache.write(int(self.slots[row]), pixels)

    def _commit_now_and_then(self) -> None:
        cache, now = self._cache, time.monotonic()
        if cache is None or cache.committed == int(cache.filled.sum()):
            return
        if now < self._commit_at and not cache.filled[self.slots].all():
            return
        self._commit_at = now + _COMMIT_SECONDS
        if self._pool is not None:
            self._pool.submit(cache.commit)
        else:
            cache.commit()


@dataclass(frozen=True)
class _Batch:
    """Pixels that are being filled in, and the work that does it."""

    pixels: Pixels
    work: list[Future[None]]

    def finished(self) -> Pixels:
        """Wait, and return the pixels; raises what the work raised, first place first."""
        try:
            for part in self.work:
                part.result()
        except BaseException:
            self.drop()
            raise
        return self.pixels

    def drop(self) -> None:
        """Leave undone what has not begun."""
        for part in self.work:
            part.cancel()


def _read(
    cache: PixelCache, slots: NDArray[np.int64], known: NDArray[np.bool_], pixels: Pixels
) -> None:
    pixels[known] = cache.read(slots[known])


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return a file's size and time, None where it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _finish(pool: ThreadPoolExecutor | None, cache: PixelCache | None) -> None:
    """Run when the store is closed, forgotten, or the process ends."""
    if pool is not None:
        pool.shutdown(cancel_futures=True)
    if cache is not None:
        cache.commit()


def _reopened(
    paths: list[Path],
    decoder: Decoder | MaskDecoder,
    cache_folder: Path | None,
    workers: int,
    rows: list[int],
) -> DecodedStore:
    return DecodedStore(paths, decoder, cache_folder=cache_folder, workers=workers, rows=rows)
