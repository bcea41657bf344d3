"""Replay: how much is acted for a batch, what is random, and going on to the bit."""

import copy

import pytest
import torch

from tests.worlds import COUNTER, SPREAD, Clock, context
from tilth.data.environment import Space
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay, any_action
from tilth.errors import UserError
from tilth.train.state import pack, unpack
from tilth.tree import leaves


def replay(**more):
    given = {"capacity": 400, "batch_size": 8, "warm_up": 40, "updates_per_frame": 0.25} | more
    return Replay(GymEnvironment(COUNTER, 4), **given)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 1.0, 3.0])
def test_a_batch_follows_as_many_frames_as_the_ratio_says(ratio):
    source, model = replay(updates_per_frame=ratio), Clock()
    for handed in range(60):
        source.next(model, context())
        asked = 40 + handed / ratio
        assert asked <= source.frames < asked + 4, "no more than a step of all copies ahead"


def test_the_warm_up_is_random_and_exploring_a_function_of_frames():
    model, explore = Clock(), Exploration(1.0, 0.5, frames=80)
    source = replay(explore=explore)
    source.next(model, context())
    assert source.frames == 40 and model.explored == []
    for _ in range(5):
        source.next(model, context())
    assert model.explored == [explore.at(frame) for frame in range(40, 60, 4)]


def test_rows_are_transitions_of_the_world():
    source, model = replay(n_step=2, discount=0.5, noise={"latent": (3,)}), Clock()
    for _ in range(20):
        batch = source.next(model, context())
        (now, length), later = batch.observations.unbind(1), batch.following[:, 0]
        lasts = (length.floor() - now).clamp(max=2)
        assert torch.equal(later, now + lasts)
        ended = later == length.floor()
        assert torch.equal(batch.discounts, 0.5**lasts * ~ended)
        assert torch.equal(batch.rewards, now + 1 + (now + 2) * 0.5 * (lasts == 2))
        assert batch.noise["latent"].shape == (8, 3)
        third = batch.following[:, 1] - length.floor()  # the action of the last step, in tenths
        assert ((third[lasts == 1] * 10 - batch.actions[lasts == 1]).abs() < 1e-3).all()


def test_goes_on_to_the_bit_wherever_it_is_interrupted():
    model, given = Clock(), {"n_step": 3, "noise": {"latent": (2,)}, "capacity": 100}
    source = replay(**given)
    states, wanted = [], []
    for _ in range(30):
        states.append(unpack(*pack(copy.deepcopy(source.state_dict()))))
        wanted.append(source.next(model, context()))
    for start in range(0, 30, 4):
        other = replay(**given)
        other.load_state_dict(states[start])
        found = [other.next(model, context()) for _ in range(30 - start)]
        pairs = zip(leaves(found), leaves(wanted[start:]), strict=True)
        assert all(torch.equal(one, two) for one, two in pairs), start
    assert source.exact_resume


def test_a_memory_that_is_not_saved_is_filled_anew():
    source, model = replay(saved=False), Clock()
    for _ in range(10):
        source.next(model, context())
    assert not source.exact_resume
    other = replay(saved=False)
    other.load_state_dict(unpack(*pack(source.state_dict())))
    before, drawn = source.frames, len(model.explored)
    other.next(model, context())
    assert before + 40 <= other.frames <= before + 48
    assert len(model.explored) - drawn == (other.frames - before) / 4, "it acts as it has learned"


def test_any_action_is_uniform_within_bounds():
    stream = torch.Generator().manual_seed(0)
    chosen = any_action(Space((), "int64", choices=3), 3000, stream).bincount()
    assert ((chosen - 1000).abs() < 120).all()
    space = GymEnvironment(SPREAD).action
    found = any_action(space, 2000, stream)
    low, high = torch.tensor(space.low), torch.tensor(space.high)
    assert (found >= low).all() and (found <= high).all()
    torch.testing.assert_close(found.mean(0), (low + high) / 2, rtol=0, atol=0.06)
    torch.testing.assert_close(found.std(0), (high - low) / 12**0.5, rtol=0, atol=0.03)


@pytest.mark.parametrize(
    "given", [{"updates_per_frame": 0.0}, {"warm_up": 4}, {"warm_up": 500}, {"n_step": 0}]
)
def test_numbers_that_do_not_fit_are_told(given):
    with pytest.raises(UserError, match=next(iter(given))):
        replay(**given)
