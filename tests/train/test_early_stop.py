"""Best weights and patience, on a loop whose metric is written down beforehand."""

import pytest
import torch
from torch import nn

from tilth.train.early_stop import BestWeights


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


def test_the_weights_of_the_best_look_come_back():
    assert FakeLoop(5).run(hook([0.1, 0.9, 0.3, 0.2, 0.1])) == 2
    assert FakeLoop(5).run(hook([0.1, 0.9, 0.3, 0.2, 0.05], mode="min")) == 5


def test_of_equals_the_later_is_kept():
    assert FakeLoop(4).run(hook([0.9, 0.9, 0.9, 0.1])) == 3


def test_patience_looks_at_the_smoothed_metric():
    loop = FakeLoop(9)
    loop.run(hook([0.5, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], patience=3))
    assert loop.step == 5
    assert "no better valid/x" in loop.stop_reason


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


def test_state_goes_round():
    one = hook([0.5, 0.9, 0.2, 0.1])
    loop = FakeLoop(4)
    for _ in range(2):
        loop.step += 1
        one.after_step(loop)
    other = hook([])
    other.load_state_dict(one.state_dict())
    assert other.state_dict().keys() == one.state_dict().keys()
    assert (other.best, other.best_step, other.count) == (0.9, 2, 2)
    assert torch.equal(other.weights["weight"], one.weights["weight"])


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
