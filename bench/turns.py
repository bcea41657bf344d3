"""Arms that take turns: all are started, one at a time goes on, the others are held meanwhile.

On a shared machine a processor may be half as fast a minute later. Arms that run one after the
other meet different minutes; arms that take turns of a second meet the same ones. An arm's clock
leaves out the time for which it was held (``bench.arm.held``). First each arm goes on alone until
it says that what it times comes next (``bench.arm.wait_for_start``); then they alternate.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.arm import HELD, READY, START, TURNS
from bench.cells import Cell
from bench.outcome import outcome


@dataclass
class Runner:
    """An arm's process group, and for how long it was held.

    since: when it was held last; seconds: of its own turns
    """

    place: Path
    process: subprocess.Popen[bytes]
    held: float = 0.0
    since: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    def send(self, number: int) -> None:
        """Send a signal to the process and to those that it started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def end(self) -> None:
        """Kill the process and those that it started, where they are still there."""
        self.send(signal.SIGKILL)
        self.process.wait()

    def ends_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def turn(self, length: float, *, until_ready: bool = False) -> bool:
        """Go on for ``length`` seconds at the most; say whether the process has ended."""
        begun = time.perf_counter()
        self.held += begun - self.since
        write_held(self.place, self.held)
        self.send(signal.SIGCONT)
        if until_ready:
            while not (ended := self.ends_within(0.02)):
                if (self.place / READY).exists() or time.perf_counter() - begun > length:
                    break
        else:
            ended = self.ends_within(length)
        if not ended:
            self.send(signal.SIGSTOP)
        self.since = time.perf_counter()
        self.seconds += self.since - begun
        return ended


def write_held(place: Path, seconds: float) -> None:
    (place / HELD).write_bytes(struct.pack("d", seconds))


def start(command: Sequence[str], place: Path, given: Mapping[str, str]) -> Runner:
    """Start an arm in an empty folder and hold it at once."""
    scratch = place / "scratch"
    scratch.mkdir()
    write_held(place, 0.0)
    with (place / "out").open("wb") as out, (place / "err").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env={**given, TURNS: str(place)},
            stdout=out,
            stderr=errors,
            process_group=0,
        )
    runner = Runner(place, process)
    runner.send(signal.SIGSTOP)
    return runner


def take_turns(
    commands: Mapping[str, Sequence[str]],
    given: Mapping[str, str],
    *,
    length: float,
    limit: float,
) -> dict[str, Cell]:
    """Run the commands in turns of ``length`` seconds; return name -> what a cell says of it.

    The first turn of each lasts until it is ready.

    given: environment; limit: seconds of its own turns after which an arm is given up
    """
    found: dict[str, Cell] = {}
    with ExitStack() as stack:
        runners: dict[str, Runner] = {}
        for name, command in commands.items():
            place = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
            runners[name] = start(command, place, given)
            stack.callback(runners[name].end)
        going = {n: one for n, one in runners.items() if not one.turn(limit, until_ready=True)}
        for runner in going.values():
            (runner.place / START).touch()
        while going:
            done = {n for n, one in going.items() if one.turn(length) or one.seconds > limit}
            going = {n: one for n, one in going.items() if n not in done}
        for name, runner in runners.items():
            if runner.process.poll() is None:
                found[name] = {"error": f"not finished after {limit:.0f} s"}
            else:
                out, errors = ((runner.place / each).read_text() for each in ("out", "err"))
                found[name] = outcome(runner.process.returncode, out, errors, runner.seconds)
    return found
