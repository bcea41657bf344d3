"""DQN's targets by hand, its target network, and tables that become those of value iteration."""

import copy

import gymnasium
import pytest
import torch
from torch import nn

from tests.value_iteration import value_iteration
from tests.worlds import context
from tilth.contracts import Player
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay, ReplayBatch
from tilth.errors import UserError
from tilth.models.q_network import q_network
from tilth.models.q_table import QTable
from tilth.objectives.q_learning import QLearning
from tilth.train.loop import Loop


def net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return q_network(channels=4, choices=3, layers=(8,), norm=False)


def batch():
    generator = torch.Generator().manual_seed(1)
    seen, later = torch.randn(2, 6, 4, generator=generator)
    discounts = torch.tensor([0.9, 0.0, 0.81, 0.9, 0.0, 0.9])
    return ReplayBatch(
        seen, torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6.0), later, discounts, {}
    )


CASES = {
    "QLearning": {
        "double": lambda: (QLearning(target_every=2), net(), batch()),
        "plain": lambda: (QLearning(double=False), net(), batch()),
        "squared": lambda: (QLearning(squared=True), net(), batch()),
    },
}


@pytest.mark.parametrize("double", [False, True])
def test_targets_by_hand(double):
    rows, now, before = batch(), net(1), net(0)
    objective = QLearning(double=double)
    objective.load_state_dict({"target": before.state_dict()})
    with torch.no_grad():
        compare_with_hand(objective, now, before, rows, double)
        plain = QLearning(double=False)
        plain.load_state_dict({"target": before.state_dict()})
        feedback = [one(now, rows, None).feedback for one in (objective, plain)]
    assert double == (not torch.equal(*feedback))


def compare_with_hand(objective, now, before, rows, double):
    loss, total = objective(now, rows, None), 0.0
    for row in range(6):
        seen, action, reward, later, discount = (one[row] for one in rows[:5])
        values = before(later[None])[0]
        best = int((now(later[None])[0] if double else values).argmax())
        error = float(reward + discount * values[best] - now(seen[None])[0, action])
        assert float(loss.feedback[row]) == pytest.approx(error, abs=1e-5)
        total += 0.5 * error**2 if abs(error) < 1 else abs(error) - 0.5
    assert float(loss.parts["td"].total) == pytest.approx(total, abs=1e-5)


def test_the_target_network_stays_until_it_is_due_and_is_no_ones_parameter():
    model, objective, rows = net(), QLearning(target_every=3), batch()
    first = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(7):
        loss = objective(model, rows, None).parts["td"].total
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        objective.after_step(model, context(step))
        kept = objective.state_dict()["target"]
        wanted = copy.deepcopy(model.state_dict()) if step % 3 == 2 else first
        assert all(torch.equal(kept[name], wanted[name]) for name in wanted), step
        first = wanted
    assert not any(p.requires_grad for p in objective._kept.of(model).parameters())


def test_a_large_error_has_a_slope_of_one():
    model = nn.Linear(4, 3)
    loss = QLearning()(model, batch()._replace(rewards=torch.full((6,), 1e6)), None)
    loss.parts["td"].total.backward()
    assert model.bias.grad.tolist() == pytest.approx([-2.0, -2.0, -2.0])


def test_a_table_learns_as_watkins_says():
    """One row a batch, plain descent, the table its own target: Q += rate (target - Q)."""
    table, wanted, stream = QTable(5, 2), torch.zeros(5, 2), torch.Generator().manual_seed(0)
    objective = QLearning(target_every=1, double=False, squared=True)
    optimizer = torch.optim.SGD(table.parameters(), 0.3)
    for step in range(200):
        state, later = torch.randint(5, (2, 1), generator=stream)
        action = torch.randint(2, (1,), generator=stream)
        reward = torch.randn(1, generator=stream)
        rows = ReplayBatch(state, action, reward, later, torch.tensor([0.9]), {})
        objective(table, rows, None).parts["td"].total.backward()
        optimizer.step()
        optimizer.zero_grad()
        objective.after_step(table, context(step))
        here = (int(state), int(action))
        target = float(reward) + 0.9 * float(wanted[later].max())
        wanted[here] += 0.3 * (target - wanted[here])
    torch.testing.assert_close(table.values.detach(), wanted)


def chances_and_rewards(name, **arguments):
    """Return [S, A, S] and [S, A] from gymnasium's own table; what ends follows nothing."""
    world = gymnasium.make(name, **arguments).unwrapped
    states, choices = world.observation_space.n, world.action_space.n
    chances = torch.zeros(states, choices, states, dtype=torch.float64)
    rewards = torch.zeros(states, choices, dtype=torch.float64)
    for state, choice in ((s, a) for s in range(states) for a in range(choices)):
        for chance, later, reward, ends in world.P[state][choice]:
            rewards[state, choice] += chance * reward
            chances[state, choice, later] += 0 if ends else chance
    return chances, rewards


def exact_values(name, discount, **arguments):
    """Return the optimal values of a world whose chances are known."""
    return value_iteration(*chances_and_rewards(name, **arguments), discount=discount)


def test_the_frozen_lake_is_learned_to_the_values_of_value_iteration():
    wanted = exact_values("FrozenLake-v1", 0.9, is_slippery=False)
    world = GymEnvironment("FrozenLake-v1", 16, arguments={"is_slippery": False})
    source = Replay(
        world,
        capacity=20_000,
        batch_size=256,
        updates_per_frame=0.5,
        warm_up=4000,
        discount=0.9,
        explore=Exploration(1.0),
    )
    table, steps = QTable(16, 4), 1500
    optimizer = torch.optim.Adam(table.parameters(), 0.05)
    player = Player(list(table.parameters()), optimizer, lambda done: (1 - done, None))
    objective = QLearning(target_every=10, double=False, squared=True)
    Loop(table, [objective], source, {"model": player}, total_steps=steps).fit()
    seen = torch.tensor([s for s in range(16) if s not in (5, 7, 11, 12, 15)])  # no holes, no goal
    found = table.values.detach().double()
    assert (found[seen] - wanted[seen]).abs().max() < 1e-3
    best = wanted.max(1, keepdim=True).values
    assert (wanted.gather(1, found.argmax(1, keepdim=True))[seen] > best[seen] - 1e-9).all()


def test_value_iteration_knows_how_often_a_slippery_lake_can_be_crossed():
    """The best policy for reaching the goal ever reaches it in 82.35 % of the episodes."""
    values = exact_values("FrozenLake-v1", 0.999999, is_slippery=True)
    assert float(values[0].max()) == pytest.approx(14 / 17, abs=1e-3)


def test_updates_of_the_target_are_counted():
    with pytest.raises(UserError, match="target_every=0"):
        QLearning(target_every=0)
