"""Signals end a run in order, the second one at once, and other programs' handlers come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from tests.train.job import Pause, make_loop, resume, weights_sha256
from tilth.contracts import BaseHook
from tilth.train.checkpoint import Checkpointer, latest
from tilth.train.interrupt import Interrupt

ROOT = Path(__file__).parents[2]
STEPS = 40


class Raise(BaseHook):
    """Sends this process a signal after some steps."""

    def __init__(self, number, *at_steps):
        self.number, self.at_steps = number, at_steps

    def after_step(self, loop):
        if loop.step in self.at_steps:
            signal.raise_signal(self.number)


def hooks(folder, *first):
    checkpointer = Checkpointer(folder, every_seconds=None)
    return [*first, checkpointer, Interrupt(checkpointer)]


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def start(folder, seconds, *rank_and_world):
    """Start the job in a process of its own."""
    numbers = [str(number) for number in (STEPS, seconds, *rank_and_world)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.train.job", str(folder), *numbers],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_running(process):
    assert process.stdout.readline() == "running\n", process.stderr.read()


def test_sigterm_saves_and_ends_and_the_second_one_exits_at_once(tmp_path):
    once, twice = start(tmp_path / "once", 0.05), start(tmp_path / "twice", 60.0)
    for process in (once, twice):
        wait_until_running(process)
        process.send_signal(signal.SIGTERM)
    assert twice.stderr.readline() == "\n"
    assert twice.stderr.readline().startswith("stopping after this step")
    twice.send_signal(signal.SIGTERM)
    twice.communicate(timeout=20)  # far less than its step takes
    assert twice.returncode == -signal.SIGTERM and latest(tmp_path / "twice") is None

    out, err = once.communicate(timeout=60)
    assert once.returncode == 0 and "once more to exit at once" in err, err
    loop = make_loop(STEPS, hooks(tmp_path / "once", Pause(0.0)))
    reached = resume(loop, tmp_path / "once")
    assert 1 <= reached < STEPS
    assert out == f"from 0 to {reached}, interrupted, {weights_sha256(loop)}\n"
    loop.fit()
    whole = make_loop(STEPS)
    whole.fit()
    assert weights_sha256(loop) == weights_sha256(whole)


def test_ranks_stop_at_the_same_step_though_only_one_heard(tmp_path):
    ranks = [start(tmp_path / "run", 0.02, rank, 2) for rank in range(2)]
    for process in ranks:
        wait_until_running(process)
    ranks[1].send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=60)[0] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0]
    assert said[0] == said[1] and ", interrupted, " in said[0]
    assert 0 < latest(tmp_path / "run")[0] < STEPS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_after_its_step_and_handlers_come_back(tmp_path, capfd, number):
    before = handlers()
    loop = make_loop(STEPS, hooks(tmp_path, Raise(number, 3)))
    loop.fit()
    assert (loop.step, loop.stop_reason, latest(tmp_path)[0]) == (3, "interrupted", 3)
    assert handlers() == before
    assert capfd.readouterr().err.count("stopping after this step") == 1
    again = make_loop(STEPS, hooks(tmp_path, Raise(signal.SIGTERM)))
    resume(again, tmp_path)
    again.fit()
    whole = make_loop(STEPS)
    whole.fit()
    assert weights_sha256(again) == weights_sha256(whole)


def test_a_stop_for_another_reason_at_the_same_step_is_final(tmp_path):
    class Enough(BaseHook):
        def after_step(self, loop):
            if loop.step == 3:
                loop.stop("good enough")

    loop = make_loop(STEPS, hooks(tmp_path, Raise(signal.SIGTERM, 3), Enough()))
    loop.fit()
    assert loop.stop_reason == "interrupted"  # for who called fit: do not go on with other work
    again = make_loop(STEPS, hooks(tmp_path, Raise(signal.SIGTERM), Enough()))
    resume(again, tmp_path)
    again.fit()
    assert again.step == 3


def test_handlers_come_back_when_the_fit_fails(tmp_path):
    class Fail(BaseHook):
        def after_step(self, loop):
            raise RuntimeError("broken")

    before = handlers()
    with pytest.raises(RuntimeError, match="broken"):
        make_loop(STEPS, hooks(tmp_path, Fail())).fit()
    assert handlers() == before


@pytest.fixture
def python_own_handler():
    """What Ctrl-C does where a shell has not begun this process in the background, ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_second_ctrl_c_is_a_keyboard_interrupt(tmp_path, python_own_handler):
    before = handlers()
    twice = Raise(signal.SIGINT, 2)
    with pytest.raises(KeyboardInterrupt):
        make_loop(STEPS, hooks(tmp_path, twice, twice)).fit()
    assert handlers() == before


def test_outside_the_main_thread_signals_are_left_alone(tmp_path):
    before, seen = handlers(), []

    class Look(BaseHook):
        def after_step(self, loop):
            seen.extend(handlers())

    loop = make_loop(2, hooks(tmp_path, Look()))
    thread = threading.Thread(target=loop.fit)
    thread.start()
    thread.join()
    assert loop.step == 2 and seen == before * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_workers_let_ctrl_c_pass_and_end_on_sigterm(tmp_path):
    class Fork(BaseHook):
        def after_step(self, loop):
            if loop.step != 2:
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGTERM)
                os._exit(0)
            self.status = os.waitpid(child, 0)[1]

    fork = Fork()
    loop = make_loop(4, hooks(tmp_path, fork))
    loop.fit()
    assert os.WTERMSIG(fork.status) == signal.SIGTERM
    assert loop.step == 4 and loop.stop_reason is None
