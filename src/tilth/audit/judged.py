"""What audit.json says of a model that gives every test item some numbers, beside simple ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tilth.audit import words
from tilth.audit.headline import compared
from tilth.audit.row_records import Truths, pack
from tilth.audit.scores import Scores, score, verdict
from tilth.audit.set_aside import set_aside
from tilth.data.dataset import Data
from tilth.plain import plain
from tilth.tasks import Array, Task

VERSION = 1


@dataclass(frozen=True)
class Contestant:
    """The net, or a simple way to do the same.

    what: in words; values: [items, metrics], in the order of the task's metrics
    seconds: that fitting it took
    """

    name: str
    what: str
    values: Array
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A part of the report that only this kind of task has.

    lines: sentences; strips: rows of {"title", "shown": [{"png", "caption", "wide", "broad" or
    "sheet"}, or {"gif"} or {"numbers"}]}, the three: shown larger
    table: {"head": [...], "rows": [[...], ...]}; explorers: see ``audit.explorer``
    """

    title: str
    lines: list[str] = field(default_factory=list)
    strips: list[dict[str, Any]] = field(default_factory=list)
    table: dict[str, Any] | None = None
    explorers: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with the anchor that the contents point to."""
        return {**asdict(self), "anchor": self.title.lower().replace(" ", "-")}


def judged(
    task: Task,
    data: Data,
    net: Contestant,
    others: Sequence[Contestant],
    *,
    subtitle: str,
    things: str,
    sections: Sequence[Section],
    not_checked: Sequence[str],
    seed: int,
    warnings: Sequence[str] = (),
    loss_note: str = "",
    kept: Mapping[str, Array] | None = None,
    truths: Truths | None = None,
) -> dict[str, Any]:
    """Return everything the report shows: scores with intervals, paired with each other way.

    things: what the test items are, in words ("pictures", "episodes")
    seed: of the resampling; warnings: what a reader must know first, empty ones left out
    loss_note: what to know of the curve of the loss
    kept: of every item, to compare runs by; the net's values where they are the metrics'
    truths: what was wanted of every item, where labels or places said it
    """
    values = {one.name: one.values for one in (net, *others)}
    nothing = np.zeros(len(net.values))
    scores = score(task.metrics, task.main_metric, values, nothing, seed=seed)
    found: dict[str, Any] = {
        "version": VERSION,
        "task": task.name,
        "subtitle": subtitle,
        "things": things,
        "answers": task.answers,
        "data": {"name": data.name, "kind": data.kind, "fingerprint": data.fingerprint()},
        "target": data.target.to_config(),
        "main_metric": task.main_metric,
        "metrics": {name: words.described(name, one.mode) for name, one in task.metrics.items()},
        "test_count": len(net.values),
        "test": {m: i.to_json() for m, i in scores.intervals[net.name].items()},
        "baselines": [_beside(one, net, scores, task.main_metric) for one in others],
        "splits": {name: {"rows": len(rows)} for name, rows in data.splits.items()},
        "notes": list(data.notes),
        "findings": _findings(data),
        "bad_items": set_aside(data),
        "not_checked": list(not_checked),
        "warnings": [one for one in warnings if one],
        "sections": [section.to_json() for section in sections],
        "loss_note": loss_note,
    }
    if kept is None:
        kept = {name: net.values[:, place] for place, name in enumerate(task.metrics)}
    found["test_rows"] = pack(data.id_keys(data.splits["test"]), dict(kept), truths)
    found["headline"] = headline(found)
    return dict(plain(found))


def _findings(data: Data) -> list[dict[str, Any]]:
    """Return what was found in the data; that targets lack is no trouble to what learned here."""
    return [asdict(finding) for finding in data.findings() if finding.code != "no_targets"]


def _beside(one: Contestant, net: Contestant, scores: Scores, metric: str) -> dict[str, Any]:
    """Return what is said of another way to do the same, and how far the net is from it."""
    gap = scores.difference(net.name, one.name, metric)
    return {
        "name": one.name,
        "what": one.what,
        "seconds": round(one.seconds, 3),
        "notes": one.notes,
        "metrics": {m: i.to_json() for m, i in scores.intervals[one.name].items()},
        "difference": {**gap.to_json(), "verdict": verdict(gap)},
    }


def headline(audit: Mapping[str, Any]) -> str:
    """Say the main score, its interval, and how it stands to the best simple way."""
    metric = audit["main_metric"]
    found = audit["test"][metric]
    ends = words.interval(metric, found)
    sure = f" (95 % interval {ends})" if ends else ""
    return (
        f"On {audit['test_count']:,} test {audit['things']}, {words.title(metric)} "
        f"{words.measure(metric, found['value'])}{sure}. {compared(metric, audit['baselines'])}"
    )
