"""Work on a long table in threads, by column or by block of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tilth.machine import cores

Item = TypeVar("Item")
Result = TypeVar("Result")
_BLOCK = 1 << 18  # rows: few enough for what is made on the way, enough to be worth a call


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], rows: int
) -> list[Result]:
    """Return ``function`` of each item, in their order; an error in one is raised.

    rows: length of the table; one that fits in a block is not worth a thread. polars and NumPy
    let go of the interpreter while they work, so threads share the cores.

    >>> in_threads(abs, [-1, 2], rows=2)
    [1, 2]
    """
    if rows <= _BLOCK:
        return [function(item) for item in items]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))


def blocks(rows: int) -> list[slice]:
    """Return slices that cover ``rows`` rows, for work that needs one row at a time.

    >>> blocks(300_000)
    [slice(0, 262144, None), slice(262144, 300000, None)]
    """
    return [slice(start, min(start + _BLOCK, rows)) for start in range(0, rows, _BLOCK)]
