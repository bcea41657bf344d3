"""Best weights and patience, on a loop whose metric is written down beforehand."""

import copy
import math

import pytest
import torch
from torch import nn

from tilth.train.early_stop import BestWeights
from tilth.train.state import pack, unpack


class FakeLoop:
    def __init__(self, total):
        self.model = nn.Linear(1, 1)
        self.step, self.total_steps, self.metrics = 0, total, {}
        self.device, self.stop_reason = torch.device("cpu"), None

    def flush(self): ...

    def stop(self, reason):
        self.stop_reason = reason

    def run(self, hook):
        while self.step < self.total_steps and self.stop_reason is None:
            self.step += 1
            with torch.no_grad():
                self.model.weight.fill_(self.step)
            hook.after_step(self)
        hook.on_end(self)
        return self.model.weight.item()


def hook(values, **more):
    left = iter(values)
    return BestWeights(
        lambda model: {"valid/x": next(left)},
        monitor="valid/x",
        **{"mode": "max", "every_steps": 1, **more},
    )


def through_files(state):
    return unpack(*pack(state))


def test_the_weights_of_the_best_look_come_back():
    assert FakeLoop(5).run(hook([0.1, 0.9, 0.3, 0.2, 0.1])) == 2
    assert FakeLoop(5).run(hook([0.1, 0.9, 0.3, 0.2, 0.05], mode="min")) == 5


def test_of_equals_the_later_is_kept():
    assert FakeLoop(4).run(hook([0.9, 0.9, 0.9, 0.1])) == 3


def test_of_looks_within_one_standard_error_of_the_best_the_latest_is_kept():
    values = [0.5, 0.90, 0.80, 0.88, 0.86, 0.70]
    assert FakeLoop(6).run(hook(values)) == 2
    assert FakeLoop(6).run(hook(values, noise=lambda share: 0.03)) == 4
    assert FakeLoop(6).run(hook(values, noise=lambda share: 0.05)) == 5
    errors = [1 - value for value in values]
    assert FakeLoop(6).run(hook(errors, mode="min", noise=lambda share: 0.03)) == 4
    seen = []
    FakeLoop(6).run(hook(errors, mode="min", noise=lambda error: seen.append(error) or 0.0))
    assert min(seen) == pytest.approx(0.1) and seen[-1] == min(seen)


def test_a_fit_that_ends_between_two_looks_is_looked_at_once_more():
    class Stopped(FakeLoop):
        def flush(self):
            self.looks = [*getattr(self, "looks", []), self.step]

    def ended(values, reason):
        loop, best = Stopped(9), hook(values, every_steps=2)
        loop.total_steps = 5
        best.after_step, plain = (
            lambda one: plain(one) if one.step < 5 else one.stop(reason),
            best.after_step,
        )
        return loop.run(best), loop.looks, loop.stop_reason

    assert ended([0.1, 0.2, 0.3], "enough") == (5, [2, 4, 5], "enough")
    assert ended([0.1, 0.4, 0.3], "enough") == (4, [2, 4, 5], "enough")
    assert ended([0.1, 0.4], "interrupted") == (5, [2, 4], "interrupted")


def test_patience_looks_at_the_smoothed_metric():
    loop = FakeLoop(9)
    loop.run(hook([0.5, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], patience=3))
    assert loop.step == 5
    assert "no better smoothed valid/x" in loop.stop_reason


def test_one_bad_look_does_not_stop_a_rising_metric():
    loop = FakeLoop(8)
    loop.run(hook([0.1, 0.2, 0.15, 0.4, 0.35, 0.6, 0.7, 0.8], patience=2))
    assert loop.step == 8


def test_an_interrupted_fit_keeps_its_current_weights():
    loop = FakeLoop(3)
    one = hook([0.9, 0.1, 0.1])
    for _ in range(2):
        loop.step += 1
        with torch.no_grad():
            loop.model.weight.fill_(loop.step)
        one.after_step(loop)
    loop.stop_reason = "interrupted"
    one.on_end(loop)
    assert loop.model.weight.item() == 2


VALUES = [0.5, 0.9, 0.2, 0.6, 0.1, 0.3]
SETTINGS = {"measure", "monitor", "every_steps", "sign", "patience", "smoothing", "judged", "noise"}


def advance(loop, one, steps):
    for _ in range(steps):
        loop.step += 1
        with torch.no_grad():
            loop.model.weight.fill_(loop.step)
        one.after_step(loop)


def test_state_is_all_that_a_look_changes():
    one = hook(VALUES)
    state = one.state_dict()
    assert state.keys() == vars(one).keys() - SETTINGS
    before = {name: copy.deepcopy(value) for name, value in vars(one).items()}
    advance(FakeLoop(6), one, 3)
    changed = {name for name, value in vars(one).items() if value != before[name]}
    assert changed - SETTINGS == state.keys()  # so that none is held for nothing


@pytest.mark.parametrize("at", range(7))
def test_taken_up_again_at_any_look_it_ends_the_same(at):
    """Every field matters to what follows: best, waited, the averages and the weights."""
    whole, first = hook(VALUES, patience=3), hook(VALUES, patience=3)
    begun = FakeLoop(6)
    advance(begun, first, at)
    second = hook(VALUES[at:], patience=3)
    second.load_state_dict(through_files(first.state_dict()))
    loop, ended = FakeLoop(6), FakeLoop(6)
    advance(loop, whole, 6)
    ended.step = at
    advance(ended, second, 6 - at)
    one, other = whole.state_dict(), second.state_dict()
    assert torch.equal(one.pop("weights")["weight"], other["weights"]["weight"])
    assert float(other.pop("weights")["weight"]) == 2 and one == other
    assert (one["best"], one["best_step"], one["count"]) == (0.9, 2, 6)
    if at < 6:
        assert loop.stop_reason == ended.stop_reason is not None


@pytest.mark.parametrize("every", [1, 2, 3])
def test_it_looks_every_so_many_steps_and_at_the_end(every):
    looked = []
    one = hook([0.1] * 9, every_steps=every)
    measure = one.measure
    one.measure = lambda model: looked.append(model.weight.item()) or measure(model)
    FakeLoop(7).run(one)
    assert looked == sorted({*range(every, 8, every), 7})


def test_a_metric_that_is_not_a_number_is_never_the_best():
    nan = float("nan")
    assert FakeLoop(4).run(hook([nan, 0.5, nan, 0.4])) == 2
    root = math.sqrt  # of less than 0 it ends in an error
    assert FakeLoop(4).run(hook([nan, nan, 0.5, 0.4], noise=lambda x: root(x) / 100)) == 3


def test_what_is_judged_is_what_is_measured_and_kept():
    """Such as an average of the weights: here twice the weight, best at the second look."""
    seen = []

    def twice(model):
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.weight.mul_(2)
        return other

    def measure(model):
        seen.append(model.weight.item())
        return {"valid/x": -abs(seen[-1] - 4)}

    given = BestWeights(measure, monitor="valid/x", mode="max", every_steps=1, judged=twice)
    assert FakeLoop(4).run(given) == 4  # of step 2, which is put back
    assert seen == [2.0, 4.0, 6.0, 8.0] and given.best_step == 2
