"""Trees of tensors: what batches and raw inputs are made of (tuples, lists, dicts, tensors)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor


def leaves(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors of a tree in order.

    >>> import torch
    >>> [len(leaf) for leaf in leaves((torch.zeros(2), {"a": torch.zeros(3)}))]
    [2, 3]
    """
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from leaves(value)


def map_tree(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """Apply ``function`` to every tensor of a tree, keeping dicts, lists and named tuples."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and type(tree) is not tuple:
        return type(tree)(*(map_tree(function, value) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(map_tree(function, value) for value in tree)
    return tree


def join(trees: Sequence[Any]) -> Any:
    """Return one tree with the rows of all, which have one structure: what undoes ``cut``.

    >>> import torch
    >>> join([{"a": torch.zeros(2)}, {"a": torch.ones(1)}])["a"].tolist()
    [0.0, 0.0, 1.0]
    """
    if len(trees) == 1:
        return trees[0]
    columns = zip(*(leaves(tree) for tree in trees), strict=True)
    joined = iter([torch.cat(column) for column in columns])
    return map_tree(lambda _: next(joined), trees[0])


def num_rows(tree: Any) -> int:
    """Return the length of the first tensor's first dimension."""
    return len(next(leaves(tree)))


def bounds(count: int, parts: int, part: int) -> tuple[int, int]:
    """Return the even slice [low, high) of ``part``; sizes differ by one at the most.

    >>> [bounds(10, 3, part) for part in range(3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    return part * count // parts, (part + 1) * count // parts


def cut(tree: Any, parts: int) -> list[Any]:
    """Cut every tensor along its first dimension into ``parts`` even slices, views not copies."""
    if parts == 1:
        return [tree]
    count = num_rows(tree)
    spans = [bounds(count, parts, part) for part in range(parts)]
    return [_slice(tree, low, high) for low, high in spans if high > low]


def _slice(tree: Any, low: int, high: int) -> Any:
    return map_tree(lambda leaf: leaf[low:high], tree)
