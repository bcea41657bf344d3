"""Processes that do a job of `kill_job.py`, one of them killed at a random moment and resumed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from bench import kill_job
from bench.arm import Result

SERVER = ForkServerContext()
SERVER.set_forkserver_preload(
    ["bench.kill_job", "tilth.flow.learner", "tilth.flow.own_data", "tilth.flow.sources"]
)
GONE_SECONDS = 120.0  # workers that were still loading libraries notice when they are done


def run_job(run: Path, job: str, epochs: int) -> None:
    """Do the job in this process; write down the hash (or what went wrong) and when it was so far.

    begun, seconds: processor time until the first step, and until the end
    """
    os.environ["XDG_CACHE_HOME"] = f"{run}-cache"
    watch = kill_job.FirstStep()
    try:
        said = kill_job.main(run, job, epochs, watch)
    except BaseException:
        said = traceback.format_exc()
    told = {"said": said, "begun": watch.seconds, "seconds": time.process_time()}
    result_of(run).write_text(json.dumps(told))


def result_of(run: Path) -> Path:
    return run.with_name(f"{run.name}-result")


def start(run: Path, job: str, epochs: int) -> ForkServerProcess:
    """Start the job, or go on with it, in a process of its own; the libraries are loaded."""
    process = SERVER.Process(target=run_job, args=(run, job, epochs))
    process.start()
    return process


def finish(run: Path, process: ForkServerProcess) -> dict[str, Any]:
    """Wait for the end of the job; return what ``run_job`` wrote down."""
    process.join()
    result = result_of(run)
    if not result.exists():
        return {"said": f"exit code {process.exitcode}", "begun": 0.0, "seconds": 0.0}
    return dict(json.loads(result.read_text()))


def uninterrupted(place: Path, job: str, epochs: int) -> Result:
    """Run the job to its end twice: once to warm up, and to see that it repeats."""
    first, second = (place / f"{job}-{name}" for name in ("first", "second"))
    said = finish(first, start(first, job, epochs))["said"]
    again = finish(second, start(second, job, epochs))
    if len(said) != 64 or said != again["said"]:
        raise RuntimeError(f"the uninterrupted job does not repeat: {said} {again}")
    return {"sha256": said, "begun": again["begun"], "seconds": again["seconds"]}


def kill_once(
    run: Path, job: str, epochs: int, whole: Result, chance: random.Random
) -> Result | None:
    """Kill a new job at a random moment of its training and resume it; None where it had ended."""
    moment = chance.uniform(float(whole["begun"] or 0), float(whole["seconds"] or 0))
    process, begun = start(run, job, epochs), time.monotonic()
    assert process.pid is not None
    while process.is_alive() and seconds_used(process.pid, begun) < moment:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.05))  # while it waits for the disk, its own time stands still
    below = descendants(process.pid)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL or result_of(run).exists():
        return None
    saved = [int(path.name.removeprefix("step-")) for path in run.rglob("step-*")]
    in_save = any(run.rglob(".step-*.tmp-*"))
    orphans = still_there(below)
    return {
        "sha256": finish(run, start(run, job, epochs))["said"],
        "moment": moment,
        "in_save": int(in_save),
        "resumed_at": max(saved, default=0),
        "orphans": orphans,
    }


def seconds_used(pid: int, begun: float) -> float:
    """Return the processor time a process has used; the time since ``begun`` without a /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic() - begun
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return what ``pid`` started, and what that did ([] when it ended, or without a /proc)."""
    found = []
    with suppress(OSError):  # a process may end while it is looked at
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, listing.read_text().split()):
                found += [child, *descendants(child)]
    return found


def still_there(pids: list[int]) -> int:
    """Return how many of the processes are left after a while, and end them."""
    until = time.monotonic() + GONE_SECONDS
    left = pids
    while left and time.monotonic() < until:
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return len(left)
