"""Arms that take turns: one at a time, each with a clock that stands still while it is held."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from bench import environment
from bench.turns import take_turns

WORK = """
import json, time
from bench.arm import Clock, wait_for_start
wait_for_start()
clock = Clock()
seen = []
while time.process_time() < {seconds}:
    seen.append(time.perf_counter())
lap = clock.lap()
print(json.dumps({{"lap": lap, "used": clock.processor, "gap": max(
    b - a for a, b in zip(seen, seen[1:]))}}))
"""


def commands(*names, seconds=0.6):
    return {name: [sys.executable, "-c", WORK.format(seconds=seconds)] for name in names}


@pytest.fixture
def given():
    return {**os.environ, "PYTHONPATH": str(environment.ROOT)}


@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP")
def test_clocks_leave_out_the_turns_of_others(given):
    begun = time.perf_counter()
    found = take_turns(commands("a", "b", "c"), given, length=0.1, limit=60)
    passed = time.perf_counter() - begun
    results = [cell["result"] for cell in found.values()]
    assert sorted(found) == ["a", "b", "c"]
    assert all(result["lap"] >= 0.95 * result["used"] for result in results)
    # held for two turns of three: clocks that ran on would add up to nearly three times as much
    assert sum(result["lap"] for result in results) <= passed
    assert all(result["gap"] > 0.15 for result in results)
    assert sum(cell["seconds"] for cell in found.values()) <= passed


@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP")
def test_an_arm_that_does_not_end_is_given_up_with_what_it_started(given, tmp_path):
    child = f"import subprocess, sys; p = subprocess.Popen(['sleep', '60']); \
open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); p.wait()"
    slow = {"slow": [sys.executable, "-c", child]}
    found = take_turns({**slow, **commands("quick", seconds=0.1)}, given, length=0.2, limit=1.0)
    assert found["slow"] == {"error": "not finished after 1 s"}
    assert "result" in found["quick"]
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    pytest.fail("what the arm started is still there")


SET_UP = """
import json, time
from bench.arm import wait_for_start
while time.process_time() < {seconds}:
    pass
ready = time.time()
wait_for_start()
print(json.dumps({{"ready": ready, "begun": time.time()}}))
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP")
def test_what_is_timed_begins_when_every_arm_is_ready(given):
    asked = {
        name: [sys.executable, "-c", SET_UP.format(seconds=seconds)]
        for name, seconds in (("quick", 0.0), ("slow", 0.8), ("another", 0.2))
    }
    asked["never ready"] = [sys.executable, "-c", "print('{}')"]
    found = take_turns(asked, given, length=0.05, limit=60)
    assert found["never ready"]["result"] == {}
    results = [cell["result"] for cell in found.values() if cell["result"]]
    assert len(results) == 3
    assert min(one["begun"] for one in results) > max(one["ready"] for one in results)
