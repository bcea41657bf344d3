"""Acting for reward, as a task."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tilth.data.gym_environment import GymEnvironment
from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.randomness import fold
from tilth.tasks._methods import METHODS
from tilth.tasks.control import control

WORLD = tl.world("CartPole-v1")
LEARNER = functools.partial(tl.Learner, WORLD, task="control", epochs=1, seed=3)


class Left(nn.Module):
    """Always pushes to the left."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def act(self, observations, *, generator, explore):
        return Action(torch.zeros(len(observations), dtype=torch.int64))


def test_the_task_follows_from_the_world_and_the_method_from_what_is_done():
    assert tl.Learner(WORLD, quiet=True).architecture["name"] == "q_network"
    pendulum = tl.Learner(tl.world("Pendulum-v1"), quiet=True)
    assert pendulum.architecture["name"] == "soft_actor_critic"
    assert pendulum.architecture["arguments"]["low"] == [-2.0]


def test_returns_are_those_of_a_loop_by_hand():
    learner = tl.Learner(WORLD, Left(), quiet=True)
    found = learner.task.values(learner.setup(), "valid")
    world = GymEnvironment("CartPole-v1", copies=20)
    # the evaluator's own seeds, then steps by hand until each copy has ended once
    world.reset(fold(fold(0, "episodes", "valid"), "world of playing") % 2**31)
    returns, running = np.zeros(20), np.ones(20, bool)
    while running.any():
        stepped = world.step(torch.zeros(20, dtype=torch.int64))
        returns += stepped.rewards.numpy() * running
        running &= ~stepped.ended.numpy()
    assert np.array_equal(found[:, 0], returns)
    assert np.array_equal(found[:, 1], returns)  # one reward a step
    assert learner.validate("valid")["valid/return"] == pytest.approx(returns.mean())


def test_valid_and_test_are_other_episodes_and_the_same_in_every_run():
    first, second = tl.Learner(WORLD, Left(), quiet=True), tl.Learner(WORLD, Left(), seed=9)
    valid = [one.task.values(one.setup(), "valid") for one in (first, second)]
    assert np.array_equal(*valid)
    test = first.task.values(first.setup(), "test")
    assert len(test) == 100 and not np.array_equal(test[:20], valid[0])


@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_parts_that_fit_its_world(name):
    tabular = dict.fromkeys(("q_learning", "dyna_q"), "FrozenLake-v1")
    world = tl.world({"sac": "Pendulum-v1", **tabular}.get(name, "CartPole-v1"))
    learner = tl.Learner(world, task="control", task_arguments={"method": name}, quiet=True)
    parts = learner.parts()
    assert {objective.moves for objective in parts.objectives} == parts.players.keys()
    owned = [id(p) for player in parts.players.values() for p in player.parameters]
    assert len(owned) == len(set(owned)) == len(list(learner.model.parameters()))


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="method"):
        LEARNER(quiet=True, task_arguments={"method": "luck"})
    with pytest.raises(UserError, match="actions are numbers"):
        tl.Learner(tl.world("Pendulum-v1"), task="control", task_arguments={"method": "dqn"})
    inputs = np.random.default_rng(0).normal(size=(80, 3))
    road = {"task": "control", "task_arguments": {"method": "pqn"}}
    with pytest.raises(UserError, match='Fix: take method="ppo"'):
        tl.Learner(tl.world("RoadWorld"), **road)
    with pytest.raises(UserError, match=r"one whole episode .*Fix: leave it out\."):
        LEARNER(quiet=True, task_arguments={"method": "reinforce"}, batch_size=8)
    with pytest.raises(UserError, match="a world to act in"):
        tl.Learner(tl.arrays(inputs, inputs[:, 0] > 0), task="control")
    with pytest.raises(UserError, match="rows are needed"):
        tl.Learner(WORLD, task="classify")
    with pytest.raises(UserError, match="has act"):
        tl.Learner(WORLD, nn.Linear(4, 2), quiet=True)._check()


class Short(Left):
    """Takes observations of another width."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def act(self, observations, *, generator, explore):
        return Action(self.layer(observations).argmax(1))


@pytest.mark.parametrize(
    ("model", "method", "told"),
    [
        ("actor_critic", "pqn", r"ActorCritic with pqn \(.*take q_network"),
        ("q_network", "ppo", r"QNetwork with ppo \(.*judge.*take actor_critic"),
        ("actor_critic", "dqn", r"ActorCritic with dqn \(.*take q_network"),
        (Left(), "reinforce", r"features=None from Left.act.*recall"),
        (Short(), "pqn", r"cannot take a batch .*float32 \[2, 4\]"),
    ],
)
def test_a_model_that_the_method_cannot_judge_is_told_before_training(
    tmp_path, model, method, told
):
    given = {"task_arguments": {"method": method}, "run": tmp_path / "run", "quiet": True}
    with pytest.raises(UserError, match=told):
        tl.Learner(WORLD, model, **given).fit()
    assert not (tmp_path / "run").exists()


def test_trying_a_model_leaves_it_and_the_random_numbers_as_they_were():
    for world, method in (("Pendulum-v1", "sac"), ("CartPole-v1", "dqn"), ("MiniPong", "ppo")):
        learner = tl.Learner(tl.world(world), task_arguments={"method": method}, quiet=True)
        before = {name: value.clone() for name, value in learner.model.state_dict().items()}
        drawn = torch.random.get_rng_state()
        learner._check()
        after = learner.model.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert torch.equal(torch.random.get_rng_state(), drawn) and learner.model.training


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"weight_decay": 0.5}, "weight_decay=0.5; control does without it"),
        ({"metrics": ["accuracy"]}, "metrics for control; it is judged by its own"),
        ({"compile": True}, "compile=True; only one player who learns from rows"),
        ({"batch_size": 513}, "batch_size=513 for pqn; .* part of 512 frames.*batch_size=512, or"),
        ({"batch_size": 300}, "batch_size=300 for pqn; .* part of 512 frames.*batch_size=256, or"),
    ],
)
def test_settings_that_would_change_nothing_are_refused(given, told):
    with pytest.raises(UserError, match=told):
        tl.Learner(WORLD, quiet=True, **given)


def test_a_batch_that_cannot_be_normalised_is_refused():
    ppo = functools.partial(LEARNER, quiet=True, task_arguments={"method": "ppo"})
    with pytest.raises(UserError, match=r"batch_size=1 for ppo; .* of 2 at least"):
        ppo(batch_size=1)
    plan = ppo(batch_size=2).plan
    assert plan.batch_size == 2 and {*plan.reasons} & {"batch_size", "epochs"} == set()
    assert LEARNER(quiet=True, batch_size=1).plan.batch_size == 1


def test_no_rate_is_looked_for_where_several_players_pay():
    learner = tl.Learner(tl.world("Pendulum-v1"), quiet=True)
    assert len(learner.parts().players) == 3
    with pytest.raises(UserError, match="a range test for control"):
        learner.find_lr()


def test_the_critic_of_a_policy_gradient_learns():
    """The bundle holds it, so it is no leftover of the start."""
    learner = LEARNER(quiet=True, task_arguments={"method": "reinforce"})
    before = [weight.clone() for weight in learner.model.critic.parameters()]
    parts = learner.parts()
    learner.loop(dataclasses.replace(learner.plan, total_steps=1), parts=parts).fit()
    after = learner.model.critic.parameters()
    assert not any(torch.equal(one, two) for one, two in zip(before, after, strict=True))


def test_an_actor_does_what_the_policy_does(tmp_path):
    run = LEARNER(quiet=True, run=tmp_path / "run").fit()
    actor = tl.load(run.export())
    seen = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    with torch.no_grad():
        values = run.learner.model.eval()(torch.from_numpy(seen))
    assert actor.act_many(seen).tolist() == values.argmax(1).tolist()
    assert actor.act(seen[0].tolist()) == int(values[0].argmax())
    with pytest.raises(UserError, match=r"one is \[4\]"):
        actor.act([1.0, 2.0])


@pytest.mark.parametrize(
    ("world", "method", "network", "copies"),
    [
        ("CartPole-v1", "pqn", "q_network", 16),
        ("Pendulum-v1", "sac", "soft_actor_critic", 4),
        ("MiniPong", "pqn", "q_network", 64),
        ("ALE/Pong-v5", "pqn", "q_network", 8),
    ],
)
def test_pictures_have_settings_of_their_own(world, method, network, copies):
    data = tl.world(world)
    learner = tl.Learner(data, quiet=True)
    chosen = learner.task.method(data)
    assert (chosen.name, chosen.copies) == (method, copies)
    assert learner.architecture["name"] == network
    parts = learner.parts()
    assert parts.source.environment.copies == copies
    assert {objective.moves for objective in parts.objectives} == parts.players.keys()


def test_number_types_are_measured_where_pictures_are_seen_and_a_batch_is_soon_there():
    asked = [("MiniPong", "pqn"), ("MiniPong", "dqn"), ("CartPole-v1", "pqn")]
    tasks = [(control(target=WORLD.target, method=method), name) for name, method in asked]
    assert [task.usual(tl.world(name)).measured for task, name in tasks] == [True, False, False]


def test_a_road_is_not_learned_by_reward_unasked():
    road = tl.world("RoadWorld")
    with pytest.raises(UserError, match='task="imitate"'):
        tl.Learner(road, quiet=True)
    learner = tl.Learner(road, task_arguments={"method": "ppo"}, quiet=True)
    assert learner.architecture["arguments"]["numbers"] == 1
    assert learner.parts().source.environment.copies == 32


def test_an_atari_net_is_that_of_its_paper_with_layer_norms():
    """Convolutions of 32, 64 and 64 maps and 512 units (Mnih et al. 2015), counted by hand."""
    learner = tl.Learner(tl.world("ALE/Pong-v5"), quiet=True)
    convolutions = (4 * 64 + 1) * 32 + (32 * 16 + 1) * 64 + (64 * 9 + 1) * 64
    norms = 2 * (32 * 400 + 64 * 81 + 64 * 49 + 512)
    dense = (3136 + 1) * 512 + (512 + 1) * 6
    assert sum(p.numel() for p in learner.model.parameters()) == convolutions + norms + dense


@pytest.mark.parametrize(("world", "frames"), [("MiniPong", 2), ("ALE/Pong-v5", 4)])
def test_a_memory_of_pictures_keeps_each_of_them_once(world, frames):
    given = {"method": "dqn"}
    source = tl.Learner(tl.world(world), task_arguments=given, quiet=True).parts().source
    assert source.stacked == source.environment.observation.frames == frames


def test_exploring_of_pictures_ends_where_its_settings_say():
    learner = tl.Learner(tl.world("MiniPong"), quiet=True, epochs=2)
    explore, method = learner.parts().source.explore, learner.task.method(learner.data)
    frames = learner.plan.epochs * round(method.epoch_frames / 2048) * 2048
    assert explore.at(int(method.explored * frames) + 1) == method.rest < 0.05
    assert explore.at(0) == 1.0


@pytest.mark.parametrize("method", ["pqn", "dqn", "q_learning", "dyna_q"])
def test_a_second_fit_does_not_begin_by_exploring_anew(method):
    """The memory of a second phase is filled anew, but not by random choices after its warm-up."""
    world = tl.world("FrozenLake-v1")
    learner = tl.Learner(world, task_arguments={"method": method}, quiet=True)
    rest = learner.task.method(world).rest
    first, second = (learner.parts(phase=phase).source.explore for phase in (0, 1))
    assert (first.at(10**9), second.at(0), second.at(10**9)) == (rest, rest, rest)
    assert first.at(0) == (0.1 if method == "dyna_q" else 1.0)
