"""What the summaries of several runs say together: mean, spread, and each run by itself."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tilth import console

OF_ONE = (
    "run", "test", "interval", "baseline", "baseline_name", "test_rows", "seconds",
    "training_seconds", "report", "bundle",
)  # fmt: skip
"""What is told of each run beside its seed or fold."""


def together(
    found: Sequence[Mapping[str, Any]], kind: str, numbers: Sequence[int], mode: str
) -> dict[str, Any]:
    """Return what several summaries say: mean and standard deviation, and each run by itself.

    kind: "seed" or "fold", what ``numbers`` count; mode: whether "max" or "min" of the main
    metric is better. The baseline is the one that all runs have whose mean is best.
    """
    first = found[0]
    main = first["main_metric"]
    names = [name for name in first["baselines"] if all(name in one["baselines"] for one in found)]
    baselines = {name: spread([one["baselines"][name] for one in found]) for name in names}
    judged = {
        name: value
        for name, (means, _) in baselines.items()
        if (value := means.get(main)) is not None
    }
    best = (max if mode == "max" else min)(judged, key=judged.__getitem__, default=None)
    means, deviations = spread([one["test"] for one in found])
    baseline, baseline_sd = baselines[best] if best is not None else ({}, {})
    return {
        "task": first["task"],
        "model": first["model"],
        "main_metric": main,
        {"seed": "repeats", "fold": "folds"}[kind]: len(found),
        "seconds": round(sum(one["seconds"] for one in found), 2),
        "test": means,
        "test_sd": deviations,
        "baseline": baseline,
        "baseline_sd": baseline_sd,
        "baseline_name": best,
        "runs": [
            {kind: number, **{name: one[name] for name in OF_ONE}}
            for number, one in zip(numbers, found, strict=True)
        ],
    }


def spread(
    scores: Sequence[Mapping[str, float | None]],
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return the mean and the standard deviation (n - 1) of each metric, without what is missing.

    >>> spread([{"accuracy": 0.5}, {"accuracy": 1.0}, {"accuracy": 0.0}])
    ({'accuracy': 0.5}, {'accuracy': 0.5})
    """
    means: dict[str, float | None] = {}
    deviations: dict[str, float | None] = {}
    for name in scores[0]:
        known = [value for score in scores if (value := score.get(name)) is not None]
        means[name] = statistics.fmean(known) if known else None
        deviations[name] = statistics.stdev(known) if len(known) > 1 else None
    return means, deviations


def table(result: Mapping[str, Any], kind: str) -> str:
    """Return a table for people: mean +- sd of each metric, the baseline's, and every run's."""
    runs = result["runs"]
    rows = [["", "mean +- sd", result["baseline_name"] or "no baseline"]]
    rows[0] += [f"{kind} {run[kind]}" for run in runs]
    for name in result["test"]:
        row = [
            name,
            _measure(result["test"], result["test_sd"], name),
            _measure(result["baseline"], result["baseline_sd"], name),
        ]
        rows.append(row + [_number(run["test"].get(name)) for run in runs])
    return f"{len(runs)} runs, one per {kind}, judged on test by\n{console.table(rows)}"


def _measure(means: Mapping[str, Any], deviations: Mapping[str, Any], name: str) -> str:
    return f"{_number(means.get(name))} +- {_number(deviations.get(name))}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
