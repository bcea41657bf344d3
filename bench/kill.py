"""`python -m bench kill`, or `python bench/kill.py`: kill -9 at random moments, resume, compare.

Each job of `kill_job.py` is run once without a kill. Then, again and again, it is started anew,
killed at a moment drawn evenly from the processor time it takes (a busy machine stretches only the
clock), and started once more with ``resume=True``. The SHA-256 of the final weights must be the
uninterrupted run's every time, and no process may stay behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the file also runs as a script

from bench import environment, kill_job  # noqa: E402
from bench.kill_job import JOBS, write_files  # noqa: E402

SERVER = ForkServerContext()
SERVER.set_forkserver_preload(
    ["bench.kill_job", "tilth.flow.learner", "tilth.flow.own_data", "tilth.flow.sources"]
)
GONE_SECONDS = 120.0  # workers that were still loading libraries notice when they are done


@dataclass
class Tally:
    """What happened to one job."""

    job: str
    sha256: str
    seconds: float
    kills: int = 0
    equal: int = 0
    in_save: int = 0  # kills that left an unfinished checkpoint behind
    orphans: int = 0
    resumed_at: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def run_job(run: Path, job: str) -> None:
    """Do the job in this process; write down the hash (or what went wrong) and the time it took."""
    os.environ["XDG_CACHE_HOME"] = f"{run}-cache"
    try:
        said = kill_job.main(run, job)
    except BaseException:
        said = traceback.format_exc()
    result_of(run).write_text(json.dumps({"said": said, "seconds": time.process_time()}))


def result_of(run: Path) -> Path:
    return run.with_name(f"{run.name}-result")


def start(run: Path, job: str) -> ForkServerProcess:
    """Start the job, or go on with it, in a process of its own; the libraries are loaded."""
    process = SERVER.Process(target=run_job, args=(run, job))
    process.start()
    return process


def finish(run: Path, process: ForkServerProcess) -> tuple[str, float]:
    """Wait for the end of the job; return its hash (or what it said instead) and its seconds."""
    process.join()
    result = result_of(run)
    if not result.exists():
        return f"exit code {process.exitcode}", 0.0
    found = json.loads(result.read_text())
    return found["said"], found["seconds"]


def uninterrupted(place: Path, job: str) -> Tally:
    """Run the job to its end twice: once to warm up, and to see that it repeats."""
    first, second = (place / f"{job}-{name}" for name in ("first", "second"))
    said, _ = finish(first, start(first, job))
    again, seconds = finish(second, start(second, job))
    if len(said) != 64 or said != again:
        raise RuntimeError(f"the uninterrupted job does not repeat: {said} {again}")
    return Tally(job, said, seconds)


def kill_once(run: Path, tally: Tally, chance: random.Random) -> None:
    """Kill a new job at a random moment and resume it; count nothing where it was too late."""
    moment = chance.uniform(0.0, tally.seconds)
    process, begun = start(run, tally.job), time.monotonic()
    assert process.pid is not None
    while process.is_alive() and seconds_used(process.pid, begun) < moment:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.05))  # while it waits for the disk, its own time stands still
    below = descendants(process.pid)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL or result_of(run).exists():
        return
    tally.kills += 1
    tally.in_save += any(run.rglob(".step-*.tmp-*"))
    saved = [int(path.name.removeprefix("step-")) for path in run.rglob("step-*")]
    tally.resumed_at.append(max(saved, default=0))
    tally.orphans += still_there(below)
    found, _ = finish(run, start(run, tally.job))
    if found == tally.sha256:
        tally.equal += 1
    else:
        tally.wrong.append(f"killed after {moment:.3f} s, {run}: {found}")


def seconds_used(pid: int, begun: float) -> float:
    """Return the processor time a process has used; the time since ``begun`` without a /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic() - begun
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return the processes that ``pid`` started, and theirs (Linux; [] elsewhere)."""
    found = []
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


def section(tallies: list[Tally]) -> str:
    """Return the result as a Markdown table."""
    lines = [
        "| job | kill -9 | equal weights | inside a save | step resumed from | left behind |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for tally in tallies:
        steps = tally.resumed_at
        spread = f"{min(steps)} to {max(steps)}, median {median(steps):.0f}" if steps else ""
        lines.append(
            f"| {JOBS[tally.job]}, {tally.seconds:.1f} s | {tally.kills} "
            f"| {tally.equal} | {tally.in_save} | {spread} | {tally.orphans} |"
        )
    machine = environment.hardware()
    versions = environment.versions("project")
    lines += ["", f"{machine['cpu']}, torch {versions['torch']}, python {versions['python']}."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; return 1 where any weight differs or any process is left."""
    parser = argparse.ArgumentParser(prog="bench kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="for each job")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", type=Path, help="also write the counts to this file")
    given = parser.parse_args(arguments)
    chance, tallies = random.Random(given.seed), []
    with tempfile.TemporaryDirectory() as place:
        write_files(Path(place, "pictures"))
        for job in given.jobs:
            tally = uninterrupted(Path(place), job)
            tallies.append(tally)
            print(f"{JOBS[job]}: {tally.seconds:.1f} s, {tally.sha256}", flush=True)
            attempt = 0
            while tally.kills < given.kills and not tally.wrong:
                attempt += 1
                kill_once(Path(place, f"{job}-{attempt}"), tally, chance)
                print(f"  {tally.equal} of {tally.kills} equal", flush=True)
    print(section(tallies))
    if given.json:
        given.json.write_text(json.dumps([vars(tally) for tally in tallies], indent=2))
    for tally in tallies:
        print(*tally.wrong, sep="\n")
    return 1 if any(tally.wrong or tally.orphans for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
