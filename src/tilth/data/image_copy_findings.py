"""Pictures that are there more than once, inside a split, across splits, or under two labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.data.dataset import MOST_ITEMS, Finding, IntArray, ItemId, Store
from tilth.data.image_duplicates import Looks, alike_pairs, exact_groups
from tilth.wording import counted

_NOTABLE = 0.01  # share of the test rows that must look like others to be more than a remark


def copy_findings(
    looks: Looks,
    labels: NDArray[Any],
    splits: Mapping[str, IntArray],
    split_of: NDArray[Any],
    item_id: ItemId,
) -> list[Finding]:
    """Return findings about pictures that are equal pixel for pixel.

    labels, split_of: [rows of the data set] targets and names of splits
    """
    groups = exact_groups(looks)
    found = []
    across = [group for group in groups if len(set(split_of[group])) > 1]
    inside = [group for group in groups if len(set(split_of[group])) == 1]
    if across:
        in_test = sum(int((split_of[group] == "test").sum()) for group in across)
        found.append(
            Finding(
                "duplicates_across_splits",
                "warning",
                counted(len(across), "picture is", "pictures are")
                + " in more than one split, pixel for pixel "
                f"({in_test} of {len(splits['test'])} test rows): the score is too good by them",
                "keep each in one split only",
                _named(across, item_id),
            )
        )
    if inside:
        copies = sum(len(group) - 1 for group in inside)
        found.append(
            Finding(
                "duplicates",
                "info",
                counted(copies, "picture is a copy", "pictures are copies")
                + " of another in the same split, pixel for pixel",
                "delete the copies, unless their number means something",
                _named(inside, item_id),
            )
        )
    torn = [group for group in groups if len(set(labels[group].tolist())) > 1]
    if torn:
        found.append(
            Finding(
                "label_conflict",
                "warning",
                counted(len(torn), "picture is", "pictures are") + " there with different labels",
                "decide which label is right",
                _named(torn, item_id),
            )
        )
    return found


def near_copy_findings(
    store: Store,
    looks: Looks,
    white: float,
    splits: Mapping[str, IntArray],
    split_of: NDArray[Any],
    item_id: ItemId,
) -> list[Finding]:
    """Return findings about pictures that look alike without being equal."""
    pairs, complete = alike_pairs(store, looks, white)
    some = "" if complete else " (looked for among some of the pictures only)"
    found = []
    first, second = split_of[pairs[:, 0]], split_of[pairs[:, 1]]
    across = pairs[first != second]
    if len(across):
        tested = np.unique(across[split_of[across] == "test"])
        share = len(tested) / max(1, len(splits["test"]))
        found.append(
            Finding(
                "near_duplicates_across_splits",
                "warning" if share >= _NOTABLE else "info",
                counted(len(np.unique(across)), "picture looks", "pictures look")
                + " like one in another split, "
                f"{len(tested)} in test ({share:.2%}){some}",
                "look at them: if they are the same scene, keep it in one split only; very "
                "simple pictures can look alike by chance",
                _named(list(across), item_id),
            )
        )
    inside = pairs[first == second]
    if len(inside):
        found.append(
            Finding(
                "near_duplicates",
                "info",
                counted(len(np.unique(inside)), "picture looks", "pictures look")
                + f" like another in the same split{some}",
                "look at them; copies teach nothing new",
                _named(list(inside), item_id),
            )
        )
    return found


def _named(groups: Sequence[IntArray], item_id: ItemId) -> tuple[str, ...]:
    shown = groups[:MOST_ITEMS]
    return tuple(" = ".join(item_id(int(row)) for row in group[:4]) for group in shown)
