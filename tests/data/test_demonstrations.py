"""What is kept of a drive: what was wanted, while what was done was disturbed."""

import pytest
import torch

from tilth.data.demonstrations import demonstrations
from tilth.data.environment import Space, Stepped
from tilth.errors import UserError
from tilth.nn.action import Action


class Line:
    """A number that an action is added to; nothing ever ends."""

    name, exact_resume, copies = "line", True, 3
    observation, action = Space((1,)), Space((1,), low=(-9.0,), high=(9.0,))

    def __init__(self):
        self.done = []

    def reset(self, seed):
        self.seen = torch.zeros(3, 1)
        return self.seen

    def step(self, actions):
        self.done.append(actions)
        self.seen = self.seen + actions
        no = torch.zeros(3, dtype=torch.bool)
        return Stepped(self.seen, torch.zeros(3), no, no, self.seen)


class Home:
    """Wants to go half the way back to zero."""

    def act(self, observations, *, generator, explore):
        return Action(-observations / 2)


def test_what_is_kept_is_what_was_wanted_of_what_was_seen():
    found = demonstrations(Line(), Home(), frames=200, disturbance=0.3)
    assert found.observations.shape == (200, 1)
    assert torch.equal(found.actions, -found.observations / 2)
    assert found.observations.std() > 0.3  # without a disturbance it would stay at zero


def test_a_disturbance_has_its_deviation_and_lasts():
    world = Line()
    found = demonstrations(world, Home(), frames=30_000, disturbance=0.3, persistence=0.8)
    added = torch.stack(world.done) - found.actions.reshape(-1, 3, 1)
    assert float(added.std()) == pytest.approx(0.3, rel=0.03)
    step = (added[1:] * added[:-1]).mean() / added.square().mean()
    assert float(step) == pytest.approx(0.8, abs=0.02)


def test_the_seed_decides():
    drives = [demonstrations(Line(), Home(), frames=60, disturbance=1.0, seed=s) for s in (1, 1, 2)]
    assert torch.equal(drives[0].observations, drives[1].observations)
    assert not torch.equal(drives[0].observations, drives[2].observations)


def test_choices_are_refused():
    world = Line()
    world.action = Space((), "int64", choices=2)
    with pytest.raises(UserError, match="actions are numbers"):
        demonstrations(world, Home(), frames=6)
