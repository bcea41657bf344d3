"""Worlds of gymnasium: what is seen at an end, seeds, and going on where a run was interrupted."""

import sys

import gymnasium
import numpy as np
import pytest
import torch

from tests.worlds import COUNTER, SPREAD
from tilth.data.gym_environment import GymEnvironment
from tilth.data.gym_spaces import to_space
from tilth.errors import UserError
from tilth.train.state import pack, unpack


def choices(world, stream):
    if world.action.is_choice:
        return torch.randint(world.action.choices, (world.copies,), generator=stream)
    return torch.randn(world.copies, *world.action.shape, generator=stream)


def taken(world, stream, steps):
    return [world.step(choices(world, stream)) for _ in range(steps)]


def same(first, second):
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("kind", [{}, {"truncates": True}, {"both": True}])
def test_every_step_is_one_of_its_episode_and_ends_are_told_apart(kind):
    """The world shows its step number: a dummy step, or a lost one, would be seen at once."""
    world = GymEnvironment(COUNTER, 4, arguments=kind)
    seen = world.reset(seed=3)
    assert seen[:, 0].tolist() == [0] * 4
    assert len(set(seen[:, 1].tolist())) > 1, "the copies have seeds of their own"
    lengths = set()
    for _ in range(40):
        stepped = world.step(torch.zeros(4, dtype=torch.int64))
        assert torch.equal(stepped.finals[:, 0], seen[:, 0] + 1)
        assert torch.equal(stepped.rewards, stepped.finals[:, 0])
        ended = stepped.finals[:, 0] == stepped.finals[:, 1]
        assert torch.equal(stepped.ended, ended)
        assert torch.equal(stepped.truncated if "truncates" in kind else stepped.terminated, ended)
        assert not (stepped.terminated & stepped.truncated).any()
        assert (stepped.observations[ended, 0] == 0).all()
        assert torch.equal(stepped.observations[~ended], stepped.finals[~ended])
        assert torch.equal(world.seen, stepped.observations)
        lengths |= set(stepped.finals[ended, 1].tolist())
        seen = stepped.observations
    assert len(lengths) > 2, "the episodes have seeds of their own"


def test_a_time_limit_truncates():
    gymnasium.register("tilth-test/Limited-v0", "tests.worlds:StepCounter", max_episode_steps=2)
    world = GymEnvironment("tilth-test/Limited-v0", 2)
    world.reset(0)
    world.step(torch.zeros(2, dtype=torch.int64))
    stepped = world.step(torch.zeros(2, dtype=torch.int64))
    assert stepped.truncated.all() and not stepped.terminated.any()
    assert stepped.finals[:, 0].tolist() == [2, 2]
    assert stepped.observations[:, 0].tolist() == [0, 0]


def test_cartpole_side_by_side_is_cartpole_alone():
    """Its vectorised code against the plain environment, over many episodes, with its seeds."""
    world = GymEnvironment("CartPole-v1", 3)
    plain = [gymnasium.make("CartPole-v1") for _ in range(3)]
    begun, begin = [], world._world.begin

    def noted(which, seeds):
        begun.append((which.copy(), list(seeds)))
        return begin(which, seeds)

    world._world.begin = noted
    seen = world.reset(seed=5)
    for copy, one in enumerate(plain):
        first, _ = one.reset(seed=begun[0][1][copy])
        np.testing.assert_array_equal(seen[copy].numpy(), first)
    stream, ends = torch.Generator().manual_seed(1), 0
    for _ in range(150):
        actions = choices(world, stream)
        stepped = world.step(actions)
        for copy, one in enumerate(plain):
            shown, reward, terminated, truncated, _ = one.step(int(actions[copy]))
            np.testing.assert_allclose(stepped.finals[copy].numpy(), shown, rtol=1e-5, atol=1e-7)
            assert float(stepped.rewards[copy]) == reward
            assert bool(stepped.terminated[copy]) == terminated
            assert bool(stepped.truncated[copy]) == truncated
            if terminated or truncated:
                ends += 1
                first, _ = one.reset(seed=begun[-1][1][copy])
                np.testing.assert_array_equal(stepped.observations[copy].numpy(), first)
    assert ends > 10


@pytest.mark.parametrize(
    ("name", "copies", "steps"),
    [
        ("CartPole-v1", 3, 47),
        ("Pendulum-v1", 2, 230),
        ("FrozenLake-v1", 4, 33),
        (COUNTER, 5, 23),
        (COUNTER, 5, 0),
        ("ALE/Pong-v5", 2, 60),
    ],
)
def test_goes_on_to_the_bit(name, copies, steps):
    world, stream = GymEnvironment(name, copies), torch.Generator().manual_seed(0)
    world.reset(seed=11)
    taken(world, stream, steps)
    state, drawn = unpack(*pack(world.state_dict())), stream.get_state()
    shown = world.seen
    wanted = taken(world, stream, 40)
    other = GymEnvironment(name, copies)
    other.load_state_dict(state)
    stream.set_state(drawn)
    assert torch.equal(other.seen, shown)
    assert same(wanted, taken(other, stream, 40))
    assert other.exact_resume


def test_goes_on_at_every_step_of_copies_out_of_step():
    """Episodes of different lengths are played again, each from its own beginning."""
    stream = torch.Generator().manual_seed(0)
    actions = torch.randint(3, (30, 3), generator=stream)
    whole = GymEnvironment(COUNTER, 3)
    whole.reset(2)
    shown, states = [], []
    for row in actions:
        states.append(unpack(*pack(whole.state_dict())))
        shown.append(whole.step(row))
    for start, state in enumerate(states):
        other = GymEnvironment(COUNTER, 3)
        other.load_state_dict(state)
        assert same(shown[start:], [other.step(row) for row in actions[start:]])


def test_a_world_that_cannot_be_repeated_is_told_and_begins_anew():
    world = GymEnvironment(COUNTER, 2, arguments={"remembers": True})
    world.reset(0)
    taken(world, torch.Generator().manual_seed(0), 9)
    state = world.state_dict()
    other = GymEnvironment(COUNTER, 2, arguments={"remembers": True})
    assert other.exact_resume
    with pytest.warns(UserWarning, match="its episodes begin anew"):
        other.load_state_dict(state)
    assert not other.exact_resume
    assert other.seen[:, 0].tolist() == [0, 0]


def test_the_seed_decides():
    def first(seed):
        return GymEnvironment("CartPole-v1", 2).reset(seed)

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_pictures_come_with_their_channels_first_and_actions_are_kept_in_bounds():
    world = GymEnvironment(SPREAD, 2)
    seen = world.reset(0)
    assert world.observation.shape == (3, 6, 8) and world.observation.dtype == "uint8"
    shown = world._world.world.envs[1].unwrapped.picture
    np.testing.assert_array_equal(seen[1].permute(1, 2, 0).numpy(), shown)
    assert world.action.low == (-1.0, 0.0) and world.action.high == (1.0, 2.0)
    stepped = world.step(torch.tensor([[0.5, 1.0], [9.0, -9.0]]))
    assert stepped.rewards.tolist() == [10.5, 1.0]


def test_atari_shows_four_grey_pictures_and_the_last_ones_of_a_game():
    world = GymEnvironment("ALE/Pong-v5", 2, arguments={"max_num_frames_per_episode": 60})
    seen = world.reset(0)
    assert seen.shape == (2, 4, 84, 84) and seen.dtype == torch.uint8
    before = seen
    for _ in range(20):
        stepped = world.step(torch.tensor([2, 3]))
        assert torch.equal(stepped.finals[:, :3], before[:, 1:]), "frames move on by one"
        before = stepped.observations
        if stepped.ended.any():
            break
    assert stepped.truncated.all() and not stepped.terminated.any()
    assert not torch.equal(stepped.observations, stepped.finals)
    assert torch.equal(world.picture()[0], stepped.observations[0, -1])


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py.vector_env", None)
    with pytest.raises(UserError, match=r"ale-py is not installed.*tilth\[atari\]"):
        GymEnvironment("ALE/Pong-v5")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"gymnasium is not installed.*tilth\[worlds\]"):
        GymEnvironment("CartPole-v1")


@pytest.mark.parametrize(
    ("name", "copies", "found"),
    [
        ("CartPole-v9", 1, "no environment 'CartPole-v9'"),
        ("ALE/Pang-v5", 1, "unknown game 'pang'.*did you mean 'pong'"),
        ("Blackjack-v1", 1, "observation space is Tuple"),
        ("CartPole-v1", 0, "copies=0"),
    ],
)
def test_what_cannot_be_is_told(name, copies, found):
    with pytest.raises(UserError, match=found):
        GymEnvironment(name, copies)


def test_actions_without_bounds_are_refused():
    with pytest.raises(UserError, match="have bounds"):
        to_space(gymnasium.spaces.Box(-np.inf, np.inf, (2,)), "action")
    assert to_space(gymnasium.spaces.Box(-np.inf, np.inf, (2,)), "observation").shape == (2,)


def test_a_world_without_a_drawing_says_so():
    world = GymEnvironment(COUNTER)
    world.reset(0)
    with pytest.raises(UserError, match="cannot be drawn"):
        world.picture()


def test_the_pole_of_a_picture_leans_as_the_state_says():
    world = GymEnvironment("CartPole-v1")
    world.reset(0)
    brown = torch.tensor([202, 152, 101], dtype=torch.uint8)[:, None, None]
    world._world.world.state[:, 0] = [1.2, 0.0, 0.2, 0.0]
    rows, columns = (world.picture() == brown).all(0).nonzero().unbind(1)
    assert float(columns[rows == rows.min()].float().mean()) == pytest.approx(
        150 + 1.2 * 62.5 + 62.5 * np.sin(0.2), abs=4
    )
    world._world.world.state[:, 0] = 0
    rows, columns = (world.picture() == brown).all(0).nonzero().unbind(1)
    assert float(columns.float().mean()) == pytest.approx(150, abs=1)


def test_actions_stick_in_version_five_of_a_game():
    """As gymnasium registers it: one in four; what is asked for otherwise is done."""

    def seen(name, **arguments):
        world = GymEnvironment(name, 2, arguments=arguments)
        world.reset(3)
        return torch.stack([world.step(torch.tensor([n % 6, 2])).finals for n in range(60)])

    usual = seen("ALE/Pong-v5")
    assert torch.equal(usual, seen("ALE/Pong-v5", repeat_action_probability=0.25))
    assert not torch.equal(usual, seen("ALE/Pong-v5", repeat_action_probability=0.0))
    assert torch.equal(seen("ALE/Pong-v4"), seen("ALE/Pong-v5", repeat_action_probability=0.0))


def test_an_argument_that_a_world_does_not_have_is_told():
    with pytest.raises(UserError, match=r"does not take gg=1 .*change or leave out one of gg"):
        GymEnvironment("Pendulum-v1", arguments={"gg": 1})
