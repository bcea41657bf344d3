"""Arms that take turns: all are started, one at a time goes on, the others are held meanwhile.

On a shared machine a processor may be half as fast a minute later. Arms that run one after the
other meet different minutes; arms that take turns of a second meet the same ones. An arm's clock
leaves out the time for which it was held (``bench.arm.held``).
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.arm import HELD
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

    def turn(self, length: float) -> bool:
        """Go on for ``length`` seconds at the most; say whether the process has ended."""
        begun = time.perf_counter()
        self.held += begun - self.since
        write_held(self.place, self.held)
        self.send(signal.SIGCONT)
        try:
            self.process.wait(length)
            ended = True
        except subprocess.TimeoutExpired:
            self.send(signal.SIGSTOP)
            ended = False
        self.since = time.perf_counter()
        self.seconds += self.since - begun
        return ended


def write_held(place: Path, seconds: float) -> None:
    (place / "held").write_bytes(struct.pack("d", seconds))


def start(command: Sequence[str], place: Path, given: Mapping[str, str]) -> Runner:
    """Start an arm in an empty folder and hold it at once."""
    scratch = place / "scratch"
    scratch.mkdir()
    write_held(place, 0.0)
    with (place / "out").open("wb") as out, (place / "err").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env={**given, HELD: str(place / "held")},
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

    given: environment; limit: seconds of its own turns after which an arm is given up
    """
    found: dict[str, Cell] = {}
    with ExitStack() as stack:
        waiting: deque[tuple[str, Runner]] = deque()
        for name, command in commands.items():
            place = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
            waiting.append((name, start(command, place, given)))
            stack.callback(waiting[-1][1].end)
        while waiting:
            name, runner = waiting.popleft()
            if runner.turn(length):
                out, errors = ((runner.place / each).read_text() for each in ("out", "err"))
                found[name] = outcome(runner.process.returncode, out, errors, runner.seconds)
            elif runner.seconds > limit:
                found[name] = {"error": f"not finished after {limit:.0f} s"}
            else:
                waiting.append((name, runner))
    return found
