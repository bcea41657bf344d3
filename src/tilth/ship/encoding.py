"""From many items to batches of model inputs, keeping each failure with the item it belongs to."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tilth.data.dataset import Preprocessor
from tilth.errors import UserError
from tilth.tree import leaves, map_tree

PICTURES_AT_ONCE = 64  # a batch of 224 px pictures takes 40 MB
ROWS_AT_ONCE = 8192
_MOST_DECODERS = 8  # threads that read and decode while the network computes


@dataclass(frozen=True)
class Group:
    """Some of the items, in order.

    names: of all its items; inputs: of those that could be read, None where none could
    errors: place in ``names`` -> why it could not be read
    """

    names: Sequence[Any]
    inputs: Any
    errors: dict[int, UserError] = field(default_factory=dict)


def encode(
    items: Sequence[Any], names: Sequence[Any], preprocessor: Preprocessor
) -> Iterator[Group]:
    """Yield the items' model inputs in groups, in order, in bounded memory."""
    if preprocessor.kind == "images":
        yield from _pictures(items, names, preprocessor)
        return
    for start in range(0, len(items), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        yield _together(items[part], names[part], preprocessor)


def _together(items: Sequence[Any], names: Sequence[Any], preprocessor: Preprocessor) -> Group:
    """Encode a whole group in one call; where that fails, find out whose fault it is."""
    try:
        return Group(names, preprocessor(list(items)))
    except UserError:
        read = [_read(preprocessor, item, name) for item, name in zip(items, names, strict=True)]
        return _group(names, read)


def _pictures(
    items: Sequence[Any], names: Sequence[Any], preprocessor: Preprocessor
) -> Iterator[Group]:
    """Read and decode in threads, one group ahead of the one that is being answered."""
    pool = ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1, max(1, len(items))))
    ahead: deque[tuple[Sequence[Any], list[Future[Any]]]] = deque()
    try:
        for start in range(0, len(items), PICTURES_AT_ONCE):
            part = slice(start, start + PICTURES_AT_ONCE)
            pairs = zip(items[part], names[part], strict=True)
            reading = [pool.submit(_read, preprocessor, item, name) for item, name in pairs]
            ahead.append((names[part], reading))
            if len(ahead) > 1:
                yield _finished(*ahead.popleft())
        while ahead:
            yield _finished(*ahead.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(names: Sequence[Any], reading: list[Future[Any]]) -> Group:
    return _group(names, [future.result() for future in reading])


def _read(preprocessor: Preprocessor, item: Any, name: Any) -> Any:
    """Return the inputs of one item, or why there are none."""
    try:
        return preprocessor([item])
    except UserError as error:
        # the preprocessor saw a list of one, the caller a list of many
        found = re.sub(r"^item 0\b", f"item {name}", error.found)
        return UserError(found, rule=error.rule, choices=error.choices, fix=error.fix)


def _group(names: Sequence[Any], read: list[Any]) -> Group:
    errors = {place: one for place, one in enumerate(read) if isinstance(one, UserError)}
    trees = [one for one in read if not isinstance(one, UserError)]
    return Group(names, _joined(trees) if trees else None, errors)


def _joined(trees: list[Any]) -> Any:
    """Return one tree whose tensors are those of ``trees``, one below the other."""
    columns: list[list[Tensor]] = [list(column) for column in zip(*map(leaves, trees), strict=True)]
    joined = iter([torch.cat(column) for column in columns])
    return map_tree(lambda _: next(joined), trees[0])
