"""What the review page asks and says: rows by number, decisions to a file, maps of the pictures.

Nothing here deletes or changes a file of the data; the file of decisions only grows.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tilth.audit.review.projection import LEARNED, Maps
from tilth.audit.review.suspects import KINDS, Suspect
from tilth.data.dataset import IntArray, Rows
from tilth.data.decisions import Decision, append, in_force, last_made, now, read
from tilth.errors import UserError, choose

MOST_BAD = 1000  # items set aside that the page lists
ONE_LABEL = ("classes", "none")  # kinds of targets that a new label can be given to


@dataclass
class Session:
    """One review of a data set.

    data: what is reviewed; decisions: the file they go to; suspects: what to look at first
    rows: of the map, in order; maps: of these rows, or None where the net has no layers to show
    notes: what was looked for and how, in words
    """

    data: Rows
    decisions: Path
    suspects: Sequence[Suspect]
    rows: IntArray
    maps: Maps | None = None
    notes: Sequence[str] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        shown = np.sort(np.concatenate(list(self.data.splits.values())))
        self._names = dict(zip(shown.tolist(), self.data.item_ids(shown), strict=True))
        self._row_of = {name: row for row, name in self._names.items()}
        self._proposed: list[str] = []
        self._made = read(self.decisions) if self.decisions.is_file() else []

    def decided(self) -> dict[int, dict[str, str]]:
        """Return row -> the decision in force, for rows of this data."""
        found = in_force(self._made)
        return {
            self._row_of[item]: {"decision": one.decision, "label": one.label}
            for item, one in found.items()
            if item in self._row_of
        }

    def labels(self) -> list[str]:
        """Return the labels to choose from: those of the data, then new ones as they came."""
        known = [*self.data.target.labels]
        for one in in_force(self._made).values():
            if one.decision == "relabel" and one.label not in known:
                known.append(one.label)
        return known

    def state(self) -> dict[str, Any]:
        """Return what the page begins with."""
        items = {one.row for one in self.suspects} | {one.other for one in self.suspects}
        told = {
            row: {"item": self._names[row], "label": self.data.true_answer(row)}
            for row in sorted(items - {None}, key=lambda row: row or 0)
            if row is not None
        }
        return {
            "name": self.data.name,
            "kinds": KINDS,
            "suspects": [one.to_json() for one in self.suspects],
            "items": told,
            "can_relabel": self.data.target.kind in ONE_LABEL,
            "bad": [asdict(bad) for bad in self.data.bad_items[:MOST_BAD]],
            "bad_count": len(self.data.bad_items),
            "maps": self.maps.names if self.maps is not None else {},
            "proposed": self._proposed,
            "file": str(self.decisions),
            "notes": list(self.notes),
            **self.progress(),
        }

    def progress(self) -> dict[str, Any]:
        """Return what changes with every decision."""
        decided = self.decided()
        counts = Counter(one["decision"] for one in decided.values())
        return {"decided": decided, "labels": self.labels(), "counts": dict(counts)}

    def decide(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write a decision about rows, and return the progress.

        body: rows: row numbers; decision: keep, relabel or drop; label: the new one, or labels:
        one for each row; kind: why they were looked at
        Raises UserError for rows that are not in this data, and for what is no decision.
        """
        rows = _rows(body.get("rows"), self._names)
        decision = choose(str(body.get("decision")), ("keep", "relabel", "drop"), "decision")
        if decision == "relabel" and self.data.target.kind not in ONE_LABEL:
            raise UserError(
                f"a new label, {str(body.get('label') or body.get('labels'))[:80]!r}",
                rule=f"rows of this data do not have one label each ({self.data.target.kind})",
                fix="keep or drop the row, and mend its target where it was read from",
            )
        given = body.get("labels")
        labels = given if isinstance(given, list) else [body.get("label") or ""] * len(rows)
        if len(labels) != len(rows) or not all(isinstance(label, str) for label in labels):
            raise UserError(f"{len(labels)} labels for {len(rows)} rows")
        kind, at = str(body.get("kind", ""))[:40], now()
        made = [
            Decision(
                self._names[row],
                decision,
                label.strip() if decision == "relabel" else "",
                self.data.true_answer(row),
                kind,
                at,
            )
            for row, label in zip(rows, labels, strict=True)
        ]
        with self._lock:
            self._keep(made)
        return self.progress()

    def undo(self) -> dict[str, Any]:
        """Take back what was decided last, all that was written at once; return the progress."""
        with self._lock:  # to the end, so that of two at once the second takes back what is before
            last, at = last_made(self._made), now()
            self._keep([Decision(one.item, "undo", "", "", one.kind, at) for one in reversed(last)])
        rows = [self._row_of[one.item] for one in last if one.item in self._row_of]
        return {**self.progress(), "undone": rows}

    def _keep(self, made: list[Decision]) -> None:
        if made:
            append(self.decisions, made)
            self._made = [*self._made, *made]

    def picture(self, row: int) -> bytes:
        """Return the PNG of a row; raise UserError for one that is not in this data."""
        if row not in self._names:
            raise UserError(f"row {row}", rule="only rows of the data are shown")
        png: bytes = self.data.show_item(row)["png"]
        return png

    def project(self, name: str, x: int, y: int) -> dict[str, Any]:
        """Return the points of a map: rows, names, labels and coordinates in -1..1."""
        if self.maps is None:
            raise UserError("a map", rule="this net has no layers to show")
        axes = self.maps.names[choose(name, self.maps.names, "map")]
        if not (0 <= x < axes and 0 <= y < axes):
            raise UserError(f"axes {x} and {y}", rule=f"{name} has {axes}")
        points = self.maps.points(name, x, y).astype(np.float64)
        points = np.clip(points, *np.quantile(points, [0.001, 0.999], axis=0))
        low, high = points.min(axis=0), points.max(axis=0)
        points = 2 * (points - low) / np.maximum(high - low, 1e-12) - 1
        return {
            "rows": self.rows.tolist(),
            "labels": [self.data.true_answer(row) for row in self.rows.tolist()],
            "points": np.round(points, 4).tolist(),
        }

    def learn(self) -> dict[str, Any]:
        """Learn a map from the labels decided so far, and propose one for every picture."""
        if self.maps is None:
            raise UserError("a map", rule="this net has no layers to show")
        with self._lock:
            labels, sure = self.maps.learn(self._known())
        if not labels:
            raise UserError(
                "too few labels to learn from",
                rule="it takes two labels, with two pictures each at the least",
            )
        self._proposed = labels
        return {
            "map": LEARNED,
            "maps": self.maps.names,
            "proposed": labels,
            "sure": np.round(sure, 3).tolist(),
        }

    def _known(self) -> dict[int, str]:
        """Return place on the map -> its label: a new one, or its own where that was kept.

        Two pictures that are kept though they are alike say nothing of their labels.
        """
        places = {self._names[int(row)]: place for place, row in enumerate(self.rows)}
        found = {}
        for item, one in in_force(self._made).items():
            label = one.label if one.decision == "relabel" else one.was
            judged = one.decision == "relabel" or (one.decision == "keep" and one.kind != "copy")
            if judged and label and item in places:
                found[places[item]] = label
        return found


def _rows(given: Any, known: Mapping[int, str]) -> list[int]:
    whole = isinstance(given, list) and all(type(row) is int for row in given)
    if not whole or not given or any(row not in known for row in given):
        raise UserError(f"rows={str(given)[:80]}", rule="rows are numbers of rows of this data")
    return list(dict.fromkeys(given))
