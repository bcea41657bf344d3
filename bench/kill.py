"""`python -m bench kill`: kill -9 at random moments, resume, compare the weights.

Each job of `kill_job.py` is run without a kill first. Then, again and again, it is started anew,
killed at a moment drawn evenly from the processor time that its training takes (a busy machine
stretches only the clock), and started once more with ``resume=True``. The SHA-256 of the final
weights must be the uninterrupted run's every time, and no process may stay behind. Every kill is a
cell that is written down when it is over; a run that is stopped goes on with the next one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from statistics import median

from bench import cells, environment
from bench.arm import Result
from bench.kill_job import BATCH, EPOCHS, JOBS, ROWS, write_files
from bench.kill_process import kill_once, uninterrupted
from bench.report import write_section

WHOLE = 0  # the repeat that is not killed


def frame(*, quick: bool) -> cells.Cell:
    """Return what every cell of this commit on this machine says."""
    return {
        "bench": "kill",
        "config": {"rows": ROWS, "batch": BATCH, "epochs": 1 if quick else EPOCHS},
        "quick": quick,
        "commit": environment.commit(),
        "hardware": environment.hardware(),
        "versions": {"project": environment.versions("project")},
        "threads": 1,
    }


def mine(path: Path, shared: cells.Cell) -> list[cells.Cell]:
    """Return the cells there are of this comparison."""
    key = cells.run_key(shared)
    return [cell for cell in cells.read(path) if cells.run_key(cell) == key]


def of_job(measured: Sequence[cells.Cell], job: str) -> tuple[Result | None, dict[int, Result]]:
    """Return a job's uninterrupted result and those of its kills, by number."""
    found = {cell["repeat"]: cell["result"] for cell in measured if cell["arm"] == job}
    return found.pop(WHOLE, None), found


def run(path: Path, shared: cells.Cell, jobs: Sequence[str], kills: int) -> None:
    """Do what is missing, adding each cell to `path` as it ends."""
    epochs = shared["config"]["epochs"]

    def keep(job: str, repeat: int, result: Result) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        cells.append(path, {**shared, "arm": job, "repeat": repeat, "at": at, "result": result})

    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        write_files(Path(place, "pictures"))
        for job in jobs:
            whole, done = of_job(mine(path, shared), job)
            if whole is None:
                whole = uninterrupted(Path(place), job, epochs)
                keep(job, WHOLE, whole)
            for repeat in (number for number in range(1, kills + 1) if number not in done):
                chance = random.Random(f"{job} {repeat}")
                tries = (
                    kill_once(Path(place, f"{job}-{repeat}-{n}"), job, epochs, whole, chance)
                    for n in count()
                )
                result = next(result for result in tries if result is not None)
                keep(job, repeat, result)
                same = "equal" if result["sha256"] == whole["sha256"] else "NOT EQUAL"
                print(f"kill {repeat} {JOBS[job]}: {same}", file=sys.stderr, flush=True)


def wrong(measured: Sequence[cells.Cell]) -> list[str]:
    """Return a line for each kill after which weights differed or a process was left."""
    lines = []
    for job in JOBS:
        whole, kills = of_job(measured, job)
        for repeat, result in sorted(kills.items()):
            if whole is None or result["sha256"] != whole["sha256"] or result["orphans"]:
                lines.append(f"kill {repeat} of {JOBS[job]}: {result}")
    return lines


def section(measured: Sequence[cells.Cell]) -> str:
    """Return the result as Markdown."""
    lines = [
        "### Kill and resume",
        "",
        "| job | kill -9 | equal weights | inside a save | step resumed from | left behind |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for job in JOBS:
        whole, kills = of_job(measured, job)
        if whole is None or not kills:
            continue
        equal = sum(result["sha256"] == whole["sha256"] for result in kills.values())
        in_save, orphans = (
            sum(int(result[key] or 0) for result in kills.values())
            for key in ("in_save", "orphans")
        )
        steps = [int(result["resumed_at"] or 0) for result in kills.values()]
        lines.append(
            f"| {JOBS[job]}, {whole['seconds']:.1f} s | {len(kills)} | {equal} | {in_save} "
            f"| {min(steps)} to {max(steps)}, median {median(steps):.0f} | {orphans} |"
        )
    first = measured[0]
    versions = first["versions"]["project"]
    lines += [
        "",
        f"{first['hardware']['cpu']}, torch {versions['torch']}, python {versions['python']}.",
        f"`python -m bench kill`, commit {first['commit']}, {first['at'][:10]}.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Do what is missing, write the table; return 1 where any weight differs or process is left."""
    parser = argparse.ArgumentParser(prog="python -m bench kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="for each job")
    parser.add_argument("--quick", action="store_true", help="a smoke run: one epoch")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--cells", type=Path, default=environment.CELLS)
    parser.add_argument("--page", type=Path, default=environment.PAGE, help="the table")
    given = parser.parse_args(arguments)
    shared = frame(quick=given.quick)
    run(given.cells, shared, given.jobs, given.kills)
    measured = mine(given.cells, shared)
    print(section(measured))
    if not given.quick:
        write_section(given.page, "kill", section(measured))
    failures = wrong(measured)
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0
