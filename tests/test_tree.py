"""Trees of tensors: cut and put together again."""

from itertools import pairwise
from typing import NamedTuple

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tilth.tree import bounds, cut, leaves, map_tree, num_rows


class Pair(NamedTuple):
    first: Tensor
    second: dict


@given(st.integers(1, 40), st.integers(1, 9))
def test_cuts_are_even_and_lose_nothing(count, parts):
    tree = Pair(torch.arange(count), {"x": torch.arange(2 * count).reshape(count, 2)})
    pieces = cut(tree, parts)
    assert all(isinstance(piece, Pair) for piece in pieces)
    assert torch.equal(torch.cat([piece.first for piece in pieces]), tree.first)
    assert torch.equal(torch.cat([piece.second["x"] for piece in pieces]), tree.second["x"])
    sizes = [num_rows(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert len(pieces) == min(parts, count)


@given(st.integers(0, 50), st.integers(1, 9))
def test_bounds_cover_the_count(count, parts):
    spans = [bounds(count, parts, part) for part in range(parts)]
    assert spans[0][0] == 0
    assert spans[-1][1] == count
    assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_map_and_leaves_keep_the_shape_of_the_tree():
    tree = [torch.ones(2), ("text", {"a": torch.zeros(3)})]
    doubled = map_tree(lambda leaf: leaf * 2, tree)
    assert doubled[1][0] == "text"
    assert [float(leaf.sum()) for leaf in leaves(doubled)] == [4.0, 0.0]
