"""A run as a notebook shows it: what came out, and the curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth import console
from tilth.audit import history, plots, words
from tilth.wording import size

_WIDE = "display:flex;flex-wrap:wrap;gap:1em;background:#fff;padding:.5em"


def run_html(
    folder: Path,
    status: str,
    outcome: Mapping[str, Any],
    records: history.Records,
    audit: Mapping[str, Any] | None,
) -> str:
    """Return a table of the result and the curves so far, as HTML that loads nothing.

    outcome: what DONE or FAILED holds; records: of metrics.jsonl; audit: where it was made
    """
    rows: dict[str, Any] = {"folder": folder, "state": status}
    if audit is not None:
        rows["result"] = audit["headline"]
    if outcome.get("message"):
        rows["error"] = outcome["message"]
    if "steps" in outcome:
        spent = console.seconds(outcome.get("seconds", 0.0))
        rows["training"] = f"{outcome['steps']:,} steps, {outcome['samples']:,} samples, {spent}"
        rows["stopped"] = f"{outcome['stopped']}; weights of step {outcome['best_step']:,} kept"
    if outcome.get("peak_bytes"):
        rows["peak memory"] = size(outcome["peak_bytes"])
    for name, value in outcome.items():
        if name.startswith("valid/"):
            metric = name.removeprefix("valid/")
            rows[f"{words.title(metric)} on valid"] = words.measure(metric, value)
    curves = [plots.loss_curves(records)]
    if audit is not None:
        best = history.epoch_of(records, outcome.get("best_step"))
        curves.append(plots.metric_curve(audit, records, audit["main_metric"], best))
    drawn = "".join(f"<div>{svg}</div>" for svg in curves if svg is not None)
    return console.html_table(rows, "Run") + (
        f'<div style="{_WIDE}">{drawn}</div>' if drawn else ""
    )
