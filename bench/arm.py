"""What every arm's script shares: its arguments, its thread limit and its one line of JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path

Config = dict[str, int | float | str]
Result = dict[str, float | int | str | None]
Work = Callable[[str, Config, int], Result]


def limit_threads(threads: int) -> None:
    """Keep this process on `threads` cores, so that runtimes with pools of their own obey too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def main(works: Mapping[str, Work]) -> None:
    """Run `python -m <module> <bench> <variant>` and print the result as the last line of stdout.

    Whatever the libraries print goes to stderr, so that the answer stays readable.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", choices=sorted(works))
    parser.add_argument("variant")
    parser.add_argument("--config", default="", help="JSON; by default the bench's own")
    parser.add_argument("--quick", action="store_true", help="the bench's smoke-run size")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bench = importlib.import_module(f"bench.{given.bench}").BENCH
    config: Config = {**bench.config, **(bench.quick if given.quick else {})}
    config |= json.loads(given.config or "{}")
    limit_threads(int(config["threads"]))
    with redirect_stdout(sys.stderr):
        result = works[given.bench](given.variant, config, given.seed)
    print(json.dumps(result), flush=True)


TURNS = "BENCH_TURNS"  # names the folder in which this process and `turns.py` leave word
HELD, READY, START = "held", "ready", "start"


def held() -> float:
    """Seconds for which this process was held while others had their turn; see `turns.py`."""
    place = os.environ.get(TURNS)
    return float(struct.unpack("d", (Path(place) / HELD).read_bytes())[0]) if place else 0.0


def wait_for_start() -> None:
    """Say that what is timed comes next, and wait until every arm of the repeat has said so."""
    if place := os.environ.get(TURNS):
        (Path(place) / READY).touch()
        while not (Path(place) / START).exists():
            time.sleep(0.001)


def own_seconds() -> float:
    """A clock that stands still while this process is held."""
    while True:
        before, now = held(), time.perf_counter()
        if held() == before:  # else it was held between the two
            return now - before


class Clock:
    """Seconds of its own turns since it was made or last asked.

    `processor` has the seconds of processor time of that lap, over all threads of this process:
    with one thread it hardly notices what else the machine is doing.
    """

    def __init__(self) -> None:
        self.start, self.begun, self.processor = own_seconds(), time.process_time(), 0.0

    def lap(self) -> float:
        now, used = own_seconds(), time.process_time()
        passed, self.start = now - self.start, now
        self.processor, self.begun = used - self.begun, used
        return passed
