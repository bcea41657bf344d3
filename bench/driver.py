"""Runs the cells of a bench that are not finished, round after round over its arms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from bench import cells, environment
from bench.plan import Arm, Bench


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


def measure(
    bench: Bench, arm: Arm, config: dict[str, int | float | str], repeat: int
) -> cells.Cell:
    """One cell: the arm's own process in an empty folder; {"result": ...} or {"error": ...}."""
    command = [str(environment.python_of(arm.environment)), "-m", arm.module, bench.name]
    command += [arm.variant, "--config", json.dumps(config), "--seed", str(repeat)]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env=child_environment(bench.threads),
                capture_output=True,
                text=True,
                timeout=bench.timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"not finished after {bench.timeout_seconds:.0f} s"}
    answer = {"seconds": round(time.perf_counter() - start, 2)}
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode != 0 or not last.startswith("{"):
        return {**answer, "error": done.stderr.strip()[-600:] or f"exit code {done.returncode}"}
    return {**answer, "result": json.loads(last)}


def other_load() -> float:
    """Processes that ran or wanted to in the last minute; before a run, a quiet machine has 0."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def rounds(arms: tuple[Arm, ...], repeats: int) -> Iterator[tuple[int, Arm]]:
    """Every repeat visits all arms, each time from the next one on: none is always first."""
    for repeat in range(repeats):
        turn = repeat % len(arms)
        for arm in arms[turn:] + arms[:turn]:
            yield repeat, arm


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
    }
    done = set() if fresh else cells.finished(cells.read(path), cells.run_key(frame))
    failed = 0
    for repeat, arm in rounds(arms, repeats or (2 if quick else bench.repeats)):
        if (arm.name, repeat) in done:
            continue
        start = {"load": other_load(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        outcome = measure(bench, arm, config, repeat)
        cells.append(path, {**frame, "arm": arm.name, "repeat": repeat, **start, **outcome})
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
