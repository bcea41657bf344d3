"""Whole episodes against a plain loop over each copy; waiting copies are not learned from."""

import copy

import pytest
import torch
from torch import nn

from tilth.contracts import Context
from tilth.data.environment import Space, Stepped
from tilth.data.episodes import Episodes
from tilth.data.exploration import Exploration
from tilth.nn.action import Action


class Countdown:
    """Copy k ends after 2 + k steps (the last is cut off), pays its step number, goes on anew."""

    name, exact_resume, copies = "countdown", False, 3
    observation, action = Space((2,)), Space((), "int64", choices=2)

    def reset(self, seed):
        self.times = torch.zeros(3)
        self.seen = self._show()
        return self.seen

    def _show(self):
        return torch.stack([torch.arange(3.0), self.times], 1)

    def step(self, actions):
        self.times = self.times + 1
        over = self.times >= torch.arange(3.0) + 2
        finals, paid, cut = self._show(), self.times.clone(), torch.arange(3) == 2
        self.times = torch.where(over, 0.0, self.times)
        self.seen = self._show()
        return Stepped(self.seen, paid, over & ~cut, over & cut, finals)


class Counting(nn.Module):
    """Values that tell what was asked: 10 times the copy and the time."""

    asked = 0.0

    def act(self, observations, *, generator, explore):
        self.asked = explore or self.asked  # with 0 it is asked what follows a cut
        chance = torch.rand(len(observations), generator=generator) if explore else 0.0
        actions = (torch.zeros(len(observations)) + chance > 0.5).long()
        return Action(actions, observations)

    def recall(self, features, actions):
        return {"values": 10 * features[:, 0] + features[:, 1]}


CONTEXT = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))


def by_hand(discount, last_value):
    """Return (copy, time, return) of each step, counted backwards."""
    rows = []
    for which in range(3):
        gain = last_value if which == 2 else 0.0
        found = []
        for time in reversed(range(2 + which)):
            gain = (time + 1) + discount * gain
            found.append((which, time, gain))
        rows += found[::-1]
    return torch.tensor(rows)


def test_every_copy_plays_one_episode_and_returns_are_counted_backwards():
    source = Episodes(Countdown(), discount=0.5, normalise=False)
    batch = source.next(Counting(), CONTEXT)
    wanted = by_hand(0.5, 10.0 * 2 + 4)  # the last copy is cut off: what follows has a value
    assert torch.equal(batch.observations, wanted[:, :2])
    torch.testing.assert_close(batch.returns, wanted[:, 2])
    assert torch.equal(batch.advantages, batch.returns)
    assert source.frames == 2 + 3 + 4
    assert source.episodes.returns == [3.0, 6.0, 10.0]
    assert source.episodes.lengths == [2, 3, 4]


def test_a_baseline_is_taken_off():
    batch = Episodes(Countdown(), discount=0.5, baseline=True, normalise=False).next(
        Counting(), CONTEXT
    )
    wanted = by_hand(0.5, 10.0 * 2 + 4)
    torch.testing.assert_close(batch.returns, wanted[:, 2])
    values = 10 * wanted[:, 0] + wanted[:, 1]
    torch.testing.assert_close(batch.advantages, wanted[:, 2] - values)


def test_normalised_advantages_have_mean_zero_and_deviation_one():
    batch = Episodes(Countdown()).next(Counting(), CONTEXT)
    assert float(batch.advantages.mean()) == pytest.approx(0, abs=1e-6)
    assert float(batch.advantages.std()) == pytest.approx(1, abs=1e-6)


class Over(Countdown):
    """One copy, whose every episode ends with its first step."""

    copies = 1

    def reset(self, seed):
        self.seen = torch.zeros(1, 2)
        return self.seen

    def step(self, actions):
        end = torch.tensor([True])
        return Stepped(self.seen, torch.tensor([5.0]), end, ~end, self.seen)


def test_a_single_step_has_nothing_to_be_compared_with():
    batch = Episodes(Over()).next(Counting(), CONTEXT)
    assert batch.returns.tolist() == [5.0] and batch.advantages.tolist() == [0.0]


def test_it_goes_on_to_the_bit_in_any_world():
    whole = Episodes(Countdown(), seed=3)
    assert whole.exact_resume
    whole.next(Counting(), CONTEXT)
    state = copy.deepcopy(whole.state_dict())
    other = Episodes(Countdown(), seed=3)
    other.load_state_dict(state)
    one, two = (source.next(Counting(), CONTEXT) for source in (whole, other))
    assert torch.equal(one.actions, two.actions) and 0 < one.actions.sum() < len(one.actions)
    assert whole.state_dict()["frames"] == other.state_dict()["frames"] == 18
    assert whole.episodes.returns == other.episodes.returns


def test_exploring_follows_the_frames_that_were_learned_from():
    source, model = Episodes(Countdown(), explore=Exploration(1.0, 0.0, 16)), Counting()
    source.next(model, CONTEXT)
    assert model.asked == pytest.approx(1 - 8 / 16)
