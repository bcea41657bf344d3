"""The result of a run in a sentence or two that a person can repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilth.audit import words

_FEW_ROWS = 100


def headline(audit: Mapping[str, Any]) -> str:
    """Say the main score, its interval, how it stands to the best baseline, and what limits it.

    audit: what ``examine`` collects: main_metric, test, test_count, baselines, target
    """
    metric = audit["main_metric"]
    rows = audit["test_count"]
    kind = "pictures" if audit["data"]["kind"] == "images" else "rows"
    found = audit["test"][metric]
    ends = words.interval(metric, found)
    sure = f" (95 % interval {ends})" if ends else ""
    said = f"On {rows:,} test {kind} that it never learned from, {_score(metric, found)}{sure}."
    compared = _compared(metric, audit["baselines"])
    caution = ""
    if rows < _FEW_ROWS:
        caution = f" With only {rows} test {kind}, take every number here as rough."
    return f"{said} {compared}{caution}"


def _score(metric: str, found: Mapping[str, Any]) -> str:
    value = words.measure(metric, found["value"])
    if metric == "accuracy":
        return f"the net is right in {value}"
    return f"the net reaches {words.title(metric)} {value}"


def best_baseline(baselines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the baseline that comes nearest to the net or is farthest ahead of it."""
    judged = [one for one in baselines if one["difference"]["value"] is not None]
    return min(judged, key=lambda one: float(one["difference"]["value"]), default=None)


def _compared(metric: str, baselines: list[dict[str, Any]]) -> str:
    best = best_baseline(baselines)
    if best is None:
        return "No baseline could be fitted, so there is nothing to hold this against."
    gap = best["difference"]
    value = words.measure(metric, best["metrics"][metric]["value"])
    name = f"the best simple baseline ({best['what']}, {value})"
    if gap["verdict"] == "not known":
        return f"Whether it beats {name} is not known."
    if gap["verdict"] == "better":
        return f"That is better than {name} by {_by(metric, gap)}."
    if gap["verdict"] == "worse":
        return f"That is worse than {name} by {_by(metric, gap)}: use the simple model."
    word = "worse" if gap["value"] < 0 else "better"
    return f"That is {word} than {name} by {_by(metric, gap)}, which is not clearly a difference."


def _by(metric: str, gap: Mapping[str, Any]) -> str:
    """Return the size of a difference and its interval, turned so that the size is positive."""
    ends = dict(gap)
    if gap["value"] < 0:
        ends = {"value": -gap["value"], "low": -gap["high"], "high": -gap["low"]}
    size = words.difference(metric, ends["value"]).removeprefix("+")
    sure = words.difference_interval(metric, ends).replace("+", "")
    return f"{size} (95 % interval {sure})"
