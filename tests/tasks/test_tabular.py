"""Tables learned through the flow: their values, their bundles, and going on after a stop."""

import dataclasses
import functools

import pytest
import torch

import tilth as tl
from tests.objectives.test_q_learning import chances_and_rewards, exact_values
from tests.stop_at import StopAt
from tilth.errors import UserError
from tilth.flow.phase import Interrupted

DRY = {"is_slippery": False}
CORRIDOR = {"desc": ["SFFFFFFFG"], "is_slippery": False}  # eight steps to the right
SHORT = {"desc": ["SFF", "HFF", "HHG"], "is_slippery": False}


def learner(name="FrozenLake-v1", arguments=None, *, method=None, numbers=None, **settings):
    world = tl.world(name, arguments)
    asked = {} if method is None else {"method": method, "settings": numbers or {}}
    return tl.Learner(world, task_arguments=asked, quiet=True, **settings)


def test_numbered_states_are_learned_in_a_table_by_q_learning_unasked():
    found = learner()
    assert found.architecture == {
        "name": "q_table",
        "arguments": {"channels": 16, "size": 1, "choices": 4},
    }
    assert found.task.method(found.data).name == "q_learning"
    assert (found.plan.batch_size, found.plan.steps_per_epoch) == (1, 10_000)
    with_model = learner(method="dyna_q")
    assert with_model.plan.steps_per_epoch == 11 * 1000  # ten imagined for each real one


@pytest.mark.parametrize("method", ["q_learning", "dyna_q"])
def test_worlds_without_numbered_states_or_choices_are_refused(method):
    with pytest.raises(UserError, match=rf"{method} in CartPole-v1.*row for each numbered.*pqn"):
        learner("CartPole-v1", method=method)
    with pytest.raises(UserError, match=rf"{method} in Pendulum-v1, where actions are numbers"):
        learner("Pendulum-v1", method=method)
    with pytest.raises(UserError, match=r"batch_size=8 .*one transition after the other"):
        learner(method=method, batch_size=8)
    with pytest.raises(UserError, match=r"copies=2; a table is learned in one copy"):
        learner(method=method, numbers={"copies": 2})


def test_a_dry_lake_is_crossed_by_the_shortest_way_and_the_bundle_does_so_too(tmp_path):
    small = {"epoch_frames": 250, "planning": 4}
    found = learner(arguments=SHORT, run=tmp_path / "run", epochs=1, method="dyna_q", numbers=small)
    run = found.fit()
    wanted = exact_values("FrozenLake-v1", 0.99, **SHORT)
    values = found.model.values.detach().double()
    way = [0, 1, 2, 5]  # or by way of 4: what is stood on has the values of value iteration
    here = [state for state in (*way, 4) if float(values[state].max()) > 0]
    assert len(here) >= 4
    for state in here:
        assert float(values[state].max()) == pytest.approx(float(wanted[state].max()), abs=0.01)
    actor = tl.load(run.export())
    assert [actor.act(state) for state in range(9)] == values.argmax(1).tolist()
    assert found.validate("test") == {"test/return": 1.0, "test/length": 4.0}
    assert "Acting in FrozenLake-v1, learned by dyna_q" in run.report().read_text()


def chance_of_reaching(table, discount, **arguments):
    """Return the value of the greedy policy at the start: its linear equations, solved."""
    chances, rewards = chances_and_rewards("FrozenLake-v1", **arguments)
    states, done = torch.arange(len(table)), table.argmax(1)
    moves = torch.eye(len(table), dtype=torch.float64) - discount * chances[states, done]
    return float(torch.linalg.solve(moves, rewards[states, done])[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_slippery_lake_is_learned_to_within_three_per_cent_of_the_optimum(tmp_path, seed):
    found = learner(seed=seed, epochs=3, run=tmp_path / "run")
    found.fit()
    best = float(exact_values("FrozenLake-v1", 0.99)[0].max())
    gained = chance_of_reaching(found.model.values.detach(), 0.99)
    assert 0.97 * best < gained <= best + 1e-9


@pytest.mark.parametrize("seed", [0, 2])  # 1 has not met the goal by then
def test_planning_needs_fewer_real_steps(seed):
    """Sutton and Barto 2018, section 8.2: after so many, only Dyna-Q knows the way."""
    gained, frames = {}, 250
    for method, imagined in (("q_learning", 0), ("dyna_q", 8)):
        numbers = {"explored": 0.0, "rest": 0.1} | ({"planning": imagined} if imagined else {})
        found = learner(arguments=CORRIDOR, method=method, numbers=numbers, seed=seed)
        plan = dataclasses.replace(found.plan, total_steps=frames * (1 + imagined))
        parts = found.parts(plan)
        found.loop(plan, parts=parts).fit()
        assert parts.source.frames == frames
        gained[method] = found.validate()["valid/return"]
    assert gained == {"q_learning": 0.0, "dyna_q": 1.0}


def test_a_stopped_training_goes_on_to_the_bit(tmp_path):
    small = {"epoch_frames": 60, "planning": 3}
    make = functools.partial(
        learner, arguments=SHORT, method="dyna_q", numbers=small, epochs=2, seed=3
    )
    whole = make(run=tmp_path / "whole")
    whole.fit()
    with pytest.raises(Interrupted):
        make(run=tmp_path / "cut", hooks=[StopAt(201)]).fit()
    again = make(run=tmp_path / "cut", hooks=[StopAt(-1)])
    again.fit(resume=True)
    assert torch.equal(again.model.values, whole.model.values)
    assert bool(whole.model.values.detach().any())
