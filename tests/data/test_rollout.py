"""Rollouts: what is bootstrapped, how rows are handed out, and going on in the middle of one."""

import copy
import dataclasses
import functools

import pytest
import torch
from torch import nn

from tests.worlds import COUNTER, Clock, context
from tilth.contracts import Context
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.rollout import Rollout
from tilth.errors import UserError
from tilth.models.actor_critic import actor_critic
from tilth.nn.action import Action
from tilth.train.state import pack, unpack
from tilth.tree import leaves


def rollout(*, truncates=False, copies=4, seed=0, **more):
    world = GymEnvironment(COUNTER, copies, arguments={"truncates": truncates})
    return Rollout(world, **{"steps": 10, "seed": seed} | more)


def in_order(batch):
    """Return the rows of a whole rollout in the order of time, [steps, copies, ...]."""
    order = batch.extras["number"].argsort()
    return {n: v[order].unflatten(0, (10, 4)) for n, v in batch._asdict().items() if n != "extras"}


class Numbered(Clock):
    """A clock that numbers its rows."""

    rows = 0

    def act(self, observations, *, generator, explore):
        action = super().act(observations, generator=generator, explore=explore)
        numbers = torch.arange(self.rows, self.rows + len(observations))
        if explore > 0:
            self.rows += len(observations)
        return Action(action.actions, torch.cat([action.features, numbers[:, None]], 1))

    def recall(self, features, actions):
        return super().recall(features, actions) | {"number": features[:, 1].long()}


@pytest.mark.parametrize("truncates", [False, True])
def test_what_follows_a_cut_has_a_value_and_what_follows_an_end_has_none(truncates):
    """The world pays and shows its step number, and the model values it at 100 + that."""
    source = rollout(truncates=truncates, discount=0.5, trace=0.0)
    found = in_order(source.next(Numbered(), context()))
    now, length = found["observations"].unbind(-1)
    ends = now + 1 == length.floor()
    assert ends.sum() > 5
    following = 100 + now + 1
    wanted = now + 1 + 0.5 * (following if truncates else following * ~ends)
    torch.testing.assert_close(found["returns"], wanted)
    torch.testing.assert_close(found["advantages"], wanted - (100 + now))


@pytest.mark.parametrize("truncates", [False, True])
def test_returns_are_those_of_the_recursion_by_hand(truncates):
    """Peng's: reward + discount * ((1 - trace) * value + trace * return of what follows)."""
    source = rollout(truncates=truncates, discount=0.9, trace=0.8)
    found = in_order(source.next(Numbered(), context()))
    now, length = found["observations"].unbind(-1)
    for copy_ in range(4):
        later = None
        for time in reversed(range(10)):
            paid, ends = now[time, copy_] + 1, now[time, copy_] + 1 == length[time, copy_].floor()
            worth = 100 + paid if truncates or not ends else 0.0
            later = worth if ends or later is None else later
            later = paid + 0.9 * (0.2 * worth + 0.8 * later)
            torch.testing.assert_close(found["returns"][time, copy_], later)


class Matrices:
    """A world whose steps multiply matrices, seen through another's eyes."""

    def __init__(self, world):
        self.world, self.dtypes = world, set()

    def __getattr__(self, name):
        return getattr(self.world, name)

    def step(self, actions):
        self.dtypes.add((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        return self.world.step(actions)


def test_the_policy_acts_in_the_numbers_of_the_loss_and_the_world_in_its_own():
    seen = set()

    class Dense(Clock):
        def act(self, observations, *, generator, explore):
            seen.add(torch.nn.functional.linear(observations, torch.ones(1, 2)).dtype)
            return super().act(observations, generator=generator, explore=explore)

    source = rollout(minibatches=1)
    source.environment = Matrices(source.environment)
    half = functools.partial(torch.autocast, "cpu", dtype=torch.bfloat16)
    source.next(Dense(), dataclasses.replace(context(), autocast=half))
    assert seen == {torch.bfloat16} and source.environment.dtypes == {torch.float32}


def test_values_are_not_rounded_to_bfloat16():
    model = actor_critic(channels=2, size=36, choices=3)
    model.critic[-1].bias.data.fill_(100.0)
    seen = torch.randint(256, (9, 2, 36, 36), dtype=torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        action = model.act(seen, generator=torch.Generator(), explore=0.0)
        found = model.recall(action.features, action.actions)["values"]
    assert action.features.dtype == torch.bfloat16 and found.dtype == torch.float32
    assert len(found.unique()) == 9  # bfloat16 has steps of 0.5 there


def test_a_policy_that_gives_nothing_to_go_on_from_is_told():
    class Short(Clock):
        def act(self, observations, *, generator, explore):
            return Action(super().act(observations, generator=generator, explore=1.0).actions)

    with pytest.raises(UserError, match=r"features=None from Short.act.*recall"):
        rollout().next(Short(), context())


def test_nothing_of_the_next_episode_flows_back():
    """With trace=1 a return is the sum to the end, or to the last step and what it is worth."""
    found = in_order(rollout(discount=1.0, trace=1.0).next(Numbered(), context()))
    now, length = found["observations"].unbind(-1)
    for copy_ in range(4):
        for time in range(10):
            first, last = int(now[time, copy_]) + 1, int(length[time, copy_])
            reached = min(last, first + 9 - time)
            wanted = sum(range(first, reached + 1)) + (100 + reached) * (reached < last)
            assert float(found["returns"][time, copy_]) == wanted


def test_a_pass_hands_out_every_row_once_in_an_order_of_its_own():
    source, model = rollout(minibatches=3, passes=2), Numbered()
    passes = [[source.next(model, context()) for _ in range(3)] for _ in range(2)]
    orders = [torch.cat([b.extras["number"] for b in one]) for one in passes]
    assert [len(b.returns) for b in passes[0]] == [13, 13, 14]
    assert all(sorted(order.tolist()) == list(range(40)) for order in orders)
    assert not torch.equal(*orders)
    assert source.frames == 40
    assert int(source.next(model, context()).extras["number"].min()) >= 40
    assert source.frames == 80


def test_rows_of_a_minibatch_stay_together():
    source, model = rollout(minibatches=4), Numbered()
    for _ in range(4):
        batch = source.next(model, context())
        shown = batch.observations[:, 0]
        assert torch.equal(batch.extras["values"], 100 + shown)
        torch.testing.assert_close(batch.advantages, batch.returns - batch.extras["values"])


def test_advantages_of_a_minibatch_can_be_normal():
    batch = rollout(minibatches=2, normalise=True).next(Clock(), context())
    assert float(batch.advantages.mean()) == pytest.approx(0, abs=1e-6)
    assert float(batch.advantages.std()) == pytest.approx(1, abs=1e-5)
    plain = rollout(minibatches=2).next(Clock(), context())
    torch.testing.assert_close(
        batch.advantages, (plain.advantages - plain.advantages.mean()) / plain.advantages.std()
    )


def test_a_minibatch_of_one_is_not_normalised():
    assert rollout(minibatches=20, normalise=True).minibatches == 20
    with pytest.raises(UserError, match="minibatches=21 with normalise"):
        rollout(minibatches=21, normalise=True)


def test_exploring_is_a_function_of_frames():
    model, explore = Clock(), Exploration(1.0, 0.2, frames=60)
    source = rollout(explore=explore, minibatches=2, passes=2)
    for _ in range(8):
        source.next(model, context())
    assert model.explored == [explore.at(frame) for frame in range(0, 80, 4)]


def test_goes_on_to_the_bit_wherever_it_is_interrupted():
    def batches(source, number):
        return [source.next(model, context()) for _ in range(number)]

    model, given = Clock(), {"minibatches": 3, "passes": 2, "normalise": True}
    source = rollout(**given)
    states, wanted = [], []
    for _ in range(15):
        states.append(unpack(*pack(copy.deepcopy(source.state_dict()))))
        wanted += batches(source, 1)
    for start, state in enumerate(states):
        other = rollout(**given)
        other.load_state_dict(state)
        found = batches(other, 15 - start)
        pairs = zip(leaves(found), leaves(wanted[start:]), strict=True)
        assert all(torch.equal(one, two) for one, two in pairs), start
        assert other.episodes.state_dict()["returns"] == source.episodes.state_dict()["returns"]


def test_ranks_act_in_worlds_of_their_own():
    def first(rank):
        there = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"), rank, 2)
        return rollout().next(Clock(), there).observations

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_episodes_are_counted():
    source, model = rollout(), Numbered()
    found = in_order(source.next(model, context()))
    now, length = found["observations"].unbind(-1)
    ended = (now + 1 == length.floor()).sum()
    assert source.episodes.ended == ended == len(source.episodes.lengths)
    gains = [n * (n + 1) / 2 for n in source.episodes.lengths]
    assert source.episodes.returns == gains
    assert source.episodes.mean_return() == pytest.approx(sum(gains) / len(gains))


def test_modes_are_put_back_and_a_model_that_cannot_act_is_told():
    model = Clock().train()
    rollout().next(model, context())
    assert model.training
    with pytest.raises(UserError, match="Linear has no act"):
        rollout().next(nn.Linear(2, 2), context())


@pytest.mark.parametrize("given", [{"steps": 0}, {"minibatches": 41}, {"passes": 0}])
def test_counts_are_checked(given):
    with pytest.raises(UserError, match=next(iter(given))):
        rollout(**given)
