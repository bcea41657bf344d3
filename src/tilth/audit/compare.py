"""Runs side by side, on the same test rows or not at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth import console, registry
from tilth.audit import words
from tilth.audit.intervals import Interval, bootstrap
from tilth.audit.row_records import other_truths, unpack
from tilth.audit.run_files import RunFiles, read_run
from tilth.audit.scores import MAIN_RESAMPLES, MOST_ROWS, verdict
from tilth.data.dataset import IntArray
from tilth.errors import UserError
from tilth.tasks._metrics import BINARY_METRICS, NUMBER_METRICS
from tilth.wording import counted

TASKS = "tilth.tasks"
MOST_NAME = 20  # characters of a run's path: the tables fit 100 columns
Rows = dict[str, NDArray[Any]]


def compare(folders: Sequence[str | Path], *, seed: int = 0) -> dict[str, Any]:
    """Return the runs' scores and cost, and how each differs from the first, row by row.

    folders: run folders with an audit; the first is what the others are held against
    seed: of the resampling

    The differences are in the first run's main metric, positive where the later run is better,
    with a paired 95 % interval where the runs kept what that takes.
    Raises UserError for fewer than two runs, for runs without an audit, and for runs whose task,
    test rows, target or test labels are not the same.
    """
    if len(folders) < 2:
        raise UserError(
            f"{len(folders)} run to compare", rule="compare needs at least two run folders"
        )
    runs = [read_run(Path(folder)) for folder in folders]
    first = runs[0]
    for other in runs[1:]:
        _same_test(first, other)
    main = first.audit["main_metric"]
    return {
        "main_metric": main,
        "mode": first.audit["metrics"][main]["mode"],
        "test": {"count": first.audit["test_count"], "sha256": _test_hash(first)},
        "runs": [_entry(run) for run in runs],
        "differences": [_difference(first, other, main, seed) for other in runs[1:]],
    }


def _test_hash(run: RunFiles) -> str:
    """Return the hash of the test rows' ids, of the whole split where data.json tells it."""
    test = run.data.get("splits", {}).get("test", {})
    return str(test.get("sha256") or run.audit["test_rows"]["sha256"])


def _same_test(first: RunFiles, other: RunFiles) -> None:
    names = f"{first.folder} and {other.folder}"
    here, there = _question(first), _question(other)
    asked = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    if first.config and other.config and asked:
        pairs = [f"{name} {here.get(name)!r} and {there.get(name)!r}" for name in asked]
        raise UserError(
            f"{names} answer different questions: {', '.join(pairs)}",
            rule="runs are compared on one task only, with the same arguments that say what it is",
            fix="compare runs that differ in how they learned: model, rate, seed, method",
        )
    for part in ("kind", "name", "labels"):
        here, there = first.audit["target"][part], other.audit["target"][part]
        if here != there:
            raise UserError(
                f"{names} predict different things: {part} {here!r} and {there!r}",
                rule="runs are compared on one target only",
            )
    if _test_hash(first) != _test_hash(other):
        raise UserError(
            f"{names} were tested on different rows "
            f"({first.audit['test_count']:,} and {other.audit['test_count']:,})",
            rule="scores on different test rows cannot be told apart from luck",
            fix="train both on the same data with the same split_seed",
        )


def _question(run: RunFiles) -> dict[str, Any]:
    """Return the task's name and the arguments that say what is asked, not how it is learned."""
    task = run.config.get("task") or {}
    name = task.get("name")
    if name is None or registry.stated(TASKS, name, "TARGET") not in (None, "picture"):
        return {}  # the target is predicted, and the target is compared
    known = inspect.signature(registry.find(TASKS, name)).parameters
    defaults = {k: one.default for k, one in known.items() if one.default is not one.empty}
    ways = (*(registry.stated(TASKS, name, "WAYS") or ()), "target")
    arguments = {**defaults, **task.get("arguments", {})}
    asked = {f"{name}'s {k}": value for k, value in arguments.items() if k not in ways}
    return {"task": name, **asked}


def _entry(run: RunFiles) -> dict[str, Any]:
    training = run.audit.get("training") or {}
    return {
        "run": str(run.folder),
        "model": (training.get("model") or {}).get("name"),
        "parameters": training.get("parameters"),
        "seconds": training.get("seconds"),
        "temperature": run.audit.get("temperature", {}).get("value"),
        "seed": run.environment.get("seed"),
        "test": run.audit["test"],
    }


def _difference(first: RunFiles, other: RunFiles, main: str, seed: int) -> dict[str, Any]:
    """Return how much better ``other`` is than ``first``, with the reason if not sure."""
    found: dict[str, Any] = {"run": str(other.folder), "against": str(first.folder), "note": ""}
    here, there = first.audit["test"].get(main), other.audit["test"].get(main)
    sign = -1 if first.audit["metrics"][main]["mode"] == "min" else 1
    gap = Interval(float("nan"), float("nan"), float("nan"), "not known")
    if here is None or there is None or None in (here["value"], there["value"]):
        found["note"] = f"{words.title(main)} is not known for both runs"
    else:
        value = sign * (there["value"] - here["value"])
        gap = Interval(value, float("nan"), float("nan"), "not known")
        paired = _paired(first, other, main, seed)
        if isinstance(paired, str):
            found["note"] = paired
        else:
            gap = paired
    return {**found, "metric": main, **gap.to_json(), "verdict": verdict(gap)}


def _paired(first: RunFiles, other: RunFiles, main: str, seed: int) -> Interval | str:
    """Return the paired interval, or why there is none."""
    records = [first.audit["test_rows"], other.audit["test_rows"]]
    if records[0]["sha256"] != records[1]["sha256"]:
        return "the runs scored different parts of the test rows"
    rows = [unpack(record) for record in records]
    truths = [each.get("truths", np.zeros(0)) for each in rows]
    changed = int((truths[0] != truths[1]).sum())
    if changed or other_truths(*records):
        some = f"{changed:,} test rows have" if changed else "a test row or more has"
        raise UserError(
            f"{some} another label in {other.folder} than in {first.folder}",
            rule="runs are compared on the same truth only",
            fix="train again on the data as it is now",
        )
    metrics = [_metric(main, each, first.audit["target"]) for each in rows]
    if None in metrics:
        return f"runs do not keep what a paired interval of {words.title(main)} takes"

    def statistic(chosen: IntArray) -> list[float]:
        return [metric(chosen) for metric in metrics if metric is not None]

    count = int(records[0]["count"])
    draws = bootstrap(statistic, count, resamples=MAIN_RESAMPLES, most_rows=MOST_ROWS, seed=seed)
    less = first.audit["metrics"][main]["mode"] == "min"
    return draws.difference(0, 1) if less else draws.difference(1, 0)


def _metric(name: str, rows: Rows, target: Mapping[str, Any]) -> Callable[[IntArray], float] | None:
    """Return the metric as a function of row places, from what runs keep of each row."""
    if "truths" not in rows:  # items with numbers of their own, whose mean the metric is
        values = rows.get(name)
        return None if values is None else lambda chosen: float(values[chosen].mean())
    truths, answers = rows["truths"], rows["answers"]
    known = NUMBER_METRICS if target["kind"] == "number" else BINARY_METRICS
    if name not in known:
        return None
    function = known[name].function
    if target["kind"] == "number":
        return lambda chosen: function(answers[chosen], truths[chosen])
    if name == "log_loss":
        return lambda chosen: float(rows["losses"][chosen].mean())
    if "scores" in rows:
        chances = np.stack([1 - rows["scores"], rows["scores"]], axis=1)
        return lambda chosen: function(chances[chosen], truths[chosen])
    # to the other metrics of many classes only the class that was said matters
    sure, said = np.eye(len(target["labels"])), answers.astype(np.int64)
    return lambda chosen: function(sure[said[chosen]], truths[chosen])


def as_text(found: Mapping[str, Any]) -> str:
    """Return what ``compare`` found as tables for a terminal."""
    runs, main = found["runs"], found["main_metric"]
    names = [words.short(entry["run"], MOST_NAME) for entry in runs]
    gaps = [("-", ""), *map(_gap, found["differences"])]
    scores = [
        (name, *_score(entry["test"].get(main, {}), main), *gap)
        for name, entry, gap in zip(names, runs, gaps, strict=True)
    ]
    others = [name for name in runs[0]["test"] if name != main]
    more = [
        (name, *(_score(entry["test"].get(metric, {}), metric)[0] for metric in others))
        for name, entry in zip(names, runs, strict=True)
    ]
    costs = [(name, *_cost(entry)) for name, entry in zip(names, runs, strict=True)]
    better = "better than the first" + (", points" if main in words.PERCENT else "")
    head = ("run", words.title(main), "95 % interval", better, "")
    parts = [
        f"{counted(found['test']['count'], 'test row')}, the same for all",
        console.table([head, *scores]),
        console.table([("run", *map(words.title, others)), *more]) if others else "",
        console.table([("run", "model", "seed", "parameters", "training"), *costs]),
    ]
    return "\n\n".join(part for part in parts if part)


def _score(measured: Mapping[str, Any], metric: str) -> tuple[str, str]:
    value = words.measure(metric, measured.get("value"))
    return value, words.interval(metric, measured) or "-"


def _cost(entry: Mapping[str, Any]) -> tuple[str, ...]:
    parameters, seconds, seed = entry["parameters"], entry["seconds"], entry["seed"]
    return (
        entry["model"] or "-",
        "-" if seed is None else str(seed),
        "-" if parameters is None else f"{parameters:,}",
        "-" if seconds is None else console.seconds(seconds),
    )


def _gap(gap: Mapping[str, Any]) -> tuple[str, str]:
    """Return the difference with its interval, and what it allows to say."""
    if gap["value"] is None:
        return "-", f"not compared: {gap['note']}"
    size, ends = words.difference(gap["metric"], gap["value"]), ""
    if gap["low"] is not None:
        ends = f" ({words.difference_interval(gap['metric'], gap)})"
    said = f"{size}{ends}".replace(" points", "")
    if gap["verdict"] == "no clear difference":
        return said, "too close to call"
    return said, gap["note"] or f"clearly {gap['verdict']}"
