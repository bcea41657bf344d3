"""Dyna-Q on the maze of its book: imagined steps save real ones."""

import gymnasium
import pytest
import torch

from tests.worlds import COUNTER, context
from tilth.contracts import Player
from tilth.data.dyna import Dyna
from tilth.data.gym_environment import GymEnvironment
from tilth.errors import UserError
from tilth.models.q_table import QTable
from tilth.objectives.q_learning import QLearning
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack
from tilth.tree import leaves

WALLS = {(2, 1), (2, 2), (2, 3), (5, 4), (7, 0), (7, 1), (7, 2)}
WIDTH, HEIGHT, BEGIN, GOAL = 9, 6, (0, 2), (8, 0)


class Maze(gymnasium.Env):
    """Sutton and Barto 2018, figure 8.2: 14 steps from the start to the goal."""

    observation_space = gymnasium.spaces.Discrete(WIDTH * HEIGHT)
    action_space = gymnasium.spaces.Discrete(4)
    begin = BEGIN

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.begin
        return self._number(), {}

    def step(self, action):
        across, down = ((0, -1), (0, 1), (1, 0), (-1, 0))[int(action)]
        x, y = self.place[0] + across, self.place[1] + down
        if 0 <= x < WIDTH and 0 <= y < HEIGHT and (x, y) not in WALLS:
            self.place = (x, y)
        ended = self.place == GOAL
        return self._number(), float(ended), ended, False, {}

    def _number(self):
        return self.place[1] * WIDTH + self.place[0]


gymnasium.register("tilth-test/Maze-v0", Maze)


def maze_loop(planning, steps, seed=0):
    source = Dyna(GymEnvironment("tilth-test/Maze-v0"), planning=planning, seed=seed)
    table = QTable(WIDTH * HEIGHT, 4)
    player = Player(list(table.parameters()), torch.optim.SGD(table.parameters(), 0.1))
    objective = QLearning(target_every=1, double=False, squared=True)
    return Loop(table, [objective], source, {"model": player}, total_steps=steps)


def path_length(table):
    """Return the steps of the greedy path to the goal, at most 100."""
    maze, steps = Maze(), 0
    state, _ = maze.reset()
    while steps < 100:
        state, _, ended, *_ = maze.step(int(table.values[state].argmax()))
        steps += 1
        if ended:
            break
    return steps


def real_steps_to_a_short_path(planning, seed):
    """Return the frames after which the greedy path first takes at most 16 steps."""
    loop = maze_loop(planning, steps=10**6, seed=seed)
    loop.total_steps = 0
    while path_length(loop.model) > 16:
        loop.total_steps += 100 * (planning + 1)
        loop.ended = False
        loop.fit()
    return loop.source.frames


@pytest.mark.slow
def test_planning_saves_real_steps():
    none, some, many = (
        [real_steps_to_a_short_path(planning, seed) for seed in range(2)] for planning in (0, 5, 20)
    )
    assert sum(many) < sum(some) < sum(none) / 2


def test_one_real_step_is_followed_by_imagined_ones_that_have_happened(monkeypatch):
    monkeypatch.setattr(Maze, "begin", (8, 1))
    first = WIDTH + 8
    source, table, real = (
        Dyna(GymEnvironment("tilth-test/Maze-v0"), planning=3),
        QTable(54, 4),
        set(),
    )
    stood = first
    for number in range(1200):
        rows = source.next(table, context())
        row = tuple(float(one) for one in leaves(rows))
        if number % 4 == 0:
            assert row[0] == stood, "the real steps are one walk"
            stood = int(row[3]) if row[4] else first
            real.add(row)
        assert row in real
        at_goal = row[3] == GOAL[1] * WIDTH + GOAL[0]
        assert row[2] == at_goal and row[4] == pytest.approx(0.0 if at_goal else 0.95)
    assert source.frames == 300 and source.episodes.ended


def test_goes_on_to_the_bit():
    source, table = Dyna(GymEnvironment("tilth-test/Maze-v0"), planning=2), QTable(54, 4)
    for _ in range(50):
        source.next(table, context())
    state = unpack(*pack(source.state_dict()))
    other = Dyna(GymEnvironment("tilth-test/Maze-v0"), planning=2)
    other.load_state_dict(state)
    for _ in range(60):
        pairs = [leaves(one.next(table, context())) for one in (source, other)]
        assert all(torch.equal(a, b) for a, b in zip(*pairs, strict=True))


def test_a_world_without_numbers_for_its_states_is_told():
    with pytest.raises(UserError, match="numbered states"):
        Dyna(GymEnvironment(COUNTER), planning=1)
