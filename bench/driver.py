"""Runs the cells of a bench that are not finished, round after round over its arms."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from bench import cells, environment
from bench.plan import Arm, Bench
from bench.turns import take_turns


def child_environment(threads: int) -> dict[str, str]:
    """The arms run on the processor only, with the same number of threads in every runtime."""
    count = str(threads)
    return {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "POLARS_MAX_THREADS": count,
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(environment.ROOT),
        "PYTHONWARNINGS": "ignore",
    }


def command_of(
    bench: Bench, arm: Arm, config: dict[str, int | float | str], repeat: int
) -> list[str]:
    """The arm's own process, which prints its result as JSON."""
    command = [str(environment.python_of(arm.environment)), "-m", arm.module, bench.name]
    return [*command, arm.variant, "--config", json.dumps(config), "--seed", str(repeat)]


def measure(
    bench: Bench, arms: Sequence[Arm], config: dict[str, int | float | str], repeat: int
) -> Iterator[tuple[Arm, cells.Cell]]:
    """The cells of one repeat: {"result": ...} or {"error": ...}, each with when it was measured.

    Without turns each arm runs to its end before the next one begins.
    """
    together = [arms] if bench.turn_seconds else [[arm] for arm in arms]
    length = bench.turn_seconds or bench.timeout_seconds
    for group in together:
        begun = {"load": other_load(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        commands = {arm.name: command_of(bench, arm, config, repeat) for arm in group}
        given = child_environment(bench.threads)
        found = take_turns(commands, given, length=length, limit=bench.timeout_seconds)
        for arm in group:
            yield arm, {**begun, **found[arm.name]}


def other_load() -> float:
    """Processes that ran or wanted to in the last minute; before a run, a quiet machine has 0."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def rounds(arms: tuple[Arm, ...], repeats: int) -> Iterator[tuple[int, tuple[Arm, ...]]]:
    """Every repeat visits all arms, each time from the next one on: none is always first."""
    for repeat in range(repeats):
        turn = repeat % len(arms)
        yield repeat, arms[turn:] + arms[:turn]


def run(
    bench: Bench,
    path: Path,
    *,
    quick: bool = False,
    fresh: bool = False,
    repeats: int | None = None,
    only: Collection[str] = (),
) -> int:
    """Measure what is missing, adding each cell to `path` as it ends; the count of failures."""
    arms = tuple(arm for arm in bench.arms if not only or arm.name in only)
    if any(arm.environment == "peers" for arm in arms):
        environment.make_peers()
    config = {**bench.config, **(bench.quick if quick else {})}
    frame: cells.Cell = {
        "bench": bench.name,
        "config": config,
        "quick": quick,
        "commit": environment.commit(),
        "hardware": environment.hardware(),
        "versions": {kind: environment.versions(kind) for kind in ("project", "peers")},
        "threads": bench.threads,
        "turns": bench.turn_seconds,
    }
    done = set() if fresh else cells.finished(cells.read(path), cells.run_key(frame))
    failed = 0
    for repeat, all_arms in rounds(arms, repeats or (2 if quick else bench.repeats)):
        missing = [arm for arm in all_arms if (arm.name, repeat) not in done]
        if missing and bench.turn_seconds:
            missing = list(all_arms)  # one that ran alone would have met other minutes
        for arm, outcome in measure(bench, missing, config, repeat):
            cells.append(path, {**frame, "arm": arm.name, "repeat": repeat, **outcome})
            failed += "error" in outcome
            print(f"{bench.name} {repeat} {arm.name}: {summary(bench, outcome)}", file=sys.stderr)
    return failed


def summary(bench: Bench, outcome: cells.Cell) -> str:
    """One short line about a cell, for the person who waits."""
    if "error" in outcome:
        return "FAILED: " + outcome["error"].strip().rpartition("\n")[2]
    shown = [
        f"{outcome['result'][metric.key] * metric.scale:,.{metric.digits}f} {metric.label}"
        for metric in bench.metrics
        if outcome["result"].get(metric.key) is not None
    ]
    return ", ".join(shown)
