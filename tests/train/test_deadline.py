"""The clock of a time budget, with a clock that the test moves."""

import pytest

from tests.train.job import make_loop
from tilth.contracts import BaseHook
from tilth.train import deadline
from tilth.train.deadline import Deadline


class Clock(BaseHook):
    """Every step takes ``seconds``."""

    def __init__(self, seconds, monkeypatch):
        self.now, self.seconds = 100.0, seconds
        monkeypatch.setattr(deadline.time, "monotonic", lambda: self.now)

    def after_step(self, loop):
        self.now += self.seconds


@pytest.mark.parametrize(("minutes", "steps"), [(1.0, 6), (0.5, 3), (0.51, 4), (0.01, 1)])
def test_it_stops_at_the_first_step_after_the_time(monkeypatch, minutes, steps):
    loop = make_loop(9, [Clock(10.0, monkeypatch), Deadline(minutes)])
    loop.fit()
    assert loop.step == steps
    assert loop.stop_reason == f"the time budget of {minutes:g} min is used up"


def test_the_planned_end_is_no_stop(monkeypatch):
    loop = make_loop(3, [Clock(30.0, monkeypatch), Deadline(1.5)])
    loop.fit()
    assert (loop.step, loop.stop_reason) == (3, None)


def test_a_resume_goes_on_with_what_is_left(monkeypatch):
    clock = Clock(10.0, monkeypatch)
    clock.after_step = lambda loop: (
        Clock.after_step(clock, loop) or (loop.step == 4 and loop.stop("interrupted"))
    )
    loop = make_loop(9, [clock, Deadline(1.0)])
    loop.fit()
    state = loop.state_dict()
    clock.now += 9999.0  # between the two nothing is trained
    again = make_loop(9, [clock, Deadline(1.0)])
    again.load_state_dict(state)
    again.fit()
    assert again.step == 6 and "1 min" in again.stop_reason
