"""The pace is that of whole steps, and measuring it leaves no trace."""

import copy
import time

import torch

from tests.train.job import make_loop
from tilth.train import pace
from tilth.train.pace import LEAST, STEPS, measure_pace


def slowed(loop, seconds):
    """Let reading a batch take its time: what loss and gradient alone do not show."""
    give, calls = loop.source.next, []

    def late(model, context):
        time.sleep(seconds)
        calls.append(1)
        return give(model, context)

    loop.source.next = late
    return calls


def test_reading_counts_and_looks_are_timed():
    loop = make_loop(9)
    calls = slowed(loop, 0.02)
    found = measure_pace(loop, lambda model: time.sleep(0.05))
    assert 0.02 <= found.step < 2 and 0.05 <= found.look < 5
    assert len(calls) == STEPS


def test_a_slow_net_is_timed_over_fewer_steps(monkeypatch):
    monkeypatch.setattr(pace, "ENOUGH_SECONDS", 0.01)
    loop = make_loop(9)
    calls = slowed(loop, 0.005)
    measure_pace(loop, lambda model: None)
    assert len(calls) == LEAST


def test_a_fit_after_it_is_the_fit_without_it():
    timed, plain = make_loop(12), make_loop(12)
    before = copy.deepcopy(repr(timed.state_dict()))
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    measure_pace(timed, lambda model: torch.rand(7))
    assert torch.equal(torch.rand(2), expected)
    assert repr(timed.state_dict()) == before
    timed.fit()
    plain.fit()
    found, wanted = timed.model.state_dict(), plain.model.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
