"""The result of a run in a sentence or two that a person can repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilth.audit import words
from tilth.wording import counted

_FEW_ROWS = 100


def headline(audit: Mapping[str, Any]) -> str:
    """Say the main score, its interval, how it stands to the best baseline, and what limits it.

    audit: what ``examine`` collects: main_metric, test, test_count, baselines, target
    """
    metric = audit["main_metric"]
    rows = audit["test_count"]
    tested = counted(rows, f"test {'picture' if audit['data']['kind'] == 'images' else 'row'}")
    found = audit["test"][metric]
    ends = words.interval(metric, found)
    sure = f" (95 % interval {ends})" if ends else ""
    said = f"On {tested} that it never learned from, {_score(metric, found)}{sure}."
    held = compared(metric, audit["baselines"])
    caution = ""
    if rows < _FEW_ROWS:
        caution = f" With only {tested}, take every number here as rough."
    return f"{said} {held}{caution}"


def _score(metric: str, found: Mapping[str, Any]) -> str:
    value = words.measure(metric, found["value"])
    if metric == "accuracy":
        return f"the net is right in {value}"
    return f"the net reaches {words.title(metric)} {value}"


def best_baseline(baselines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the baseline that comes nearest to the net or is farthest ahead of it."""
    judged = [one for one in baselines if one["difference"]["value"] is not None]
    return min(judged, key=lambda one: float(one["difference"]["value"]), default=None)


def compared(metric: str, baselines: list[dict[str, Any]]) -> str:
    """Say how a score stands to the best simple way of doing the same."""
    best = best_baseline(baselines)
    if best is None:
        return "No baseline could be fitted, so there is nothing to hold this against."
    gap = best["difference"]
    value = words.measure(metric, best["metrics"][metric]["value"])
    name = f"the best simple baseline ({best['what']}, {value})"
    if gap["verdict"] == "not known":
        return f"Whether it beats {name} is not known."
    if gap["value"] == 0:
        return f"That is no more and no less than {name}."
    word, size = words.better_by(metric, gap)
    if gap["verdict"] == "no clear difference":
        place = words.AHEAD[word]
        return f"Whether that beats {name} is too close to call: it is {place} by {size}."
    end = ": use the simple model." if gap["verdict"] == "worse" else "."
    return f"That is {word} than {name} by {size}{end}"
