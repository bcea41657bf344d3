"""What of a data set a person should look at first, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.audit import words
from tilth.audit.review.label_errors import label_errors
from tilth.audit.review.near_copies import Copies
from tilth.data.dataset import IntArray, Rows

KINDS = {
    "label": "Probably mislabelled",
    "copy": "Near duplicates",
    "error": "Worst errors",
}
"""Kind of suspect -> what the page calls it, in the order of the work."""
_MOST_SAID = 3
MOST_COPIES = 300  # pairs; very simple pictures look alike by chance


@dataclass(frozen=True)
class Suspect:
    """A row to look at.

    kind: a key of KINDS; why: in words; said: (label, probability) pairs, the most probable
    first; other: the row beside it, of a pair
    """

    kind: str
    row: int
    why: str
    said: tuple[tuple[str, float], ...] = ()
    other: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def mislabelled(data: Rows, rows: IntArray, probabilities: NDArray[np.float64]) -> list[Suspect]:
    """Return rows that are probably mislabelled, the least probable label first.

    rows: [N] row ids; probabilities: [N, K] by nets that did not learn from the row
    """
    labels, given = data.target.labels, data.targets[rows].numpy()
    known = np.flatnonzero(given >= 0)
    found = label_errors(given[known], probabilities[known])
    suspects = []
    for place in known[found.places]:
        chance = probabilities[place]
        why = (
            f"nets that did not learn from it give its label {words.percent(chance[given[place]])}"
        )
        suspects.append(Suspect("label", int(rows[place]), why, _said(labels, chance)))
    return suspects


def _said(labels: Sequence[str], chances: NDArray[np.float64]) -> tuple[tuple[str, float], ...]:
    most = np.argsort(-chances, kind="stable")[:_MOST_SAID]
    return tuple((labels[place], round(float(chances[place]), 4)) for place in most)


def copied(data: Rows, copies: Copies) -> list[Suspect]:
    """Return pairs that look like one scene, at most 300: those across splits, the most alike.

    Of a pair across splits the row of train comes first: it is the one to drop, since a test row
    that train has seen makes the score too good.
    """
    split_of = {int(row): name for name, rows in data.splits.items() for row in rows}
    suspects = []
    for (low, high), likeness in zip(copies.pairs.tolist(), copies.likeness.tolist(), strict=True):
        first, second = (low, high) if split_of[low] == "train" else (high, low)
        where = split_of[first], split_of[second]
        told = (
            f"both in {where[0]}"
            if where[0] == where[1]
            else f"one in {where[0]}, one in {where[1]}"
        )
        alike = "equal pixel for pixel" if likeness == 1.0 else f"alike to {likeness:.3f}"
        suspects.append(Suspect("copy", first, f"{alike}; {told}", (), second))
    across = [split_of[one.row] != split_of[one.other or 0] for one in suspects]
    order = sorted(range(len(suspects)), key=lambda place: not across[place])
    return [suspects[place] for place in order[:MOST_COPIES]]


def worst_errors(data: Rows, audit: Mapping[str, Any]) -> list[Suspect]:
    """Return the test rows that the run's report shows as its worst errors, as far as known."""
    row_of = {item: int(row) for row, item in _items(data, "test")}
    suspects = []
    for card in audit.get("worst") or []:
        row = row_of.get(card["item"])
        if row is None:
            continue
        said: tuple[tuple[str, float], ...] = ()
        if "chance_predicted" in card:
            said = (
                (str(card["predicted"]), round(float(card["chance_predicted"]), 4)),
                (str(card["true"]), round(float(card["chance_true"]), 4)),
            )
            why = "this run's net is sure of another label; it is a test row"
        else:
            why = f"predicted {words.number(card['predicted'])}, it is {words.number(card['true'])}"
        suspects.append(Suspect("error", row, why, said))
    return suspects


def _items(data: Rows, split: str) -> list[tuple[int, str]]:
    rows = data.splits[split]
    return list(zip(rows.tolist(), data.item_ids(rows), strict=True))
