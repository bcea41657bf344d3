"""The small Pong: its physics, its pictures, who wins, and going on to the bit."""

import pytest
import torch

from tilth.data.mini_pong import LEFT, LONGEST, RIGHT, SIDE, SPEED, MiniPong
from tilth.errors import UserError
from tilth.train.state import pack, unpack


def follow(world):
    """Hit the ball with the middle of the paddle."""
    away = world._ball[:, 1] - world._paddle
    return torch.where(away.abs() < 1, 0, torch.where(away < 0, 1, 2))


def edge(world):
    """Meet the ball where it will be, with the edge that sends it away from the rival."""
    (across, down), (speed, slope) = world._ball.unbind(1), world._speed.unbind(1)
    way = (down + slope * (RIGHT - across).clamp(min=0) / SPEED - 1).remainder(2 * (SIDE - 2))
    lands = torch.where(way > SIDE - 2, 2 * (SIDE - 2) - way, way) + 1
    aim = lands + torch.where(world._rival > SIDE / 2, 3.5, -3.5)
    away = torch.where(speed > 0, aim, torch.tensor(SIDE / 2)) - world._paddle
    return torch.where(away.abs() < 1, 0, torch.where(away < 0, 1, 2))


def points(world, policy, steps):
    world.reset(7)
    rewards = torch.stack([world.step(policy(world)).rewards for _ in range(steps)])
    return int((rewards > 0).sum()), int((rewards < 0).sum())


def test_a_good_player_wins_and_a_still_one_loses():
    won, lost = points(MiniPong(32), edge, 600)
    assert won > 100 and won / (won + lost) > 0.95
    won, lost = points(MiniPong(32), lambda world: torch.zeros(32, dtype=torch.int64), 600)
    assert lost > 100 and won / (won + lost) < 0.5


def test_the_ball_flies_straight_and_comes_back_from_walls_and_paddles():
    world = MiniPong(1)
    world.reset(0)
    world._ball, world._speed = torch.tensor([[20.0, 3.0]]), torch.tensor([[1.5, -1.5]])
    places = []
    for _ in range(3):
        world.step(torch.tensor([0]))
        places.append(world._ball[0].tolist())
    assert places == [[21.5, 1.5], [23.0, 2.0], [24.5, 3.5]]  # it hits y=1 and turns
    world._ball, world._speed = torch.tensor([[37.0, 23.0]]), torch.tensor([[1.5, 0.0]])
    world._paddle = torch.tensor([21.0])
    assert float(world.step(torch.tensor([0])).rewards) == 0
    assert world._ball[0].tolist() == [37.5, 23.0]
    assert world._speed[0].tolist() == pytest.approx([-1.5, 2 / 5 * 2.5])


def test_points_are_counted_and_a_game_ends_after_them():
    world = MiniPong(1, points=2)
    world.reset(0)
    for number, (across, speed, reward) in enumerate([(37.5, 1.5, -1), (4.5, -1.5, 1)]):
        world._ball, world._speed = torch.tensor([[across, 3.0]]), torch.tensor([[speed, 0.0]])
        world._paddle = world._rival = torch.tensor([30.0])
        stepped = world.step(torch.tensor([0]))
        assert float(stepped.rewards) == reward
        assert bool(stepped.terminated) == (number == 1) and not stepped.truncated
    assert float(world._paddle) == SIDE / 2 and int(world._scored) == 0
    assert torch.equal(stepped.observations[:, 0], stepped.observations[:, 1])
    assert not torch.equal(stepped.observations, stepped.finals)


def test_a_long_game_is_cut_off():
    world = MiniPong(1)
    world.reset(0)
    world._steps += LONGEST - 1
    stepped = world.step(torch.tensor([0]))
    assert stepped.truncated and not stepped.terminated
    assert not world.step(torch.tensor([0])).ended


def test_the_picture_shows_paddles_and_ball_and_the_one_before():
    world = MiniPong(2)
    first = world.reset(3)
    world._ball[0] = torch.tensor([10.0, 20.0])
    world._speed[0], world._rival[0], world._paddle[0] = torch.tensor([1.5, 0.0]), 12.0, 30.0
    shown = world.step(torch.tensor([1, 0])).finals
    assert torch.equal(shown[:, 0], first[:, 1])
    wanted = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    wanted[19:21, 10] = wanted[19:21, 12] = 128  # 10.5 to 12.5: half of them is covered
    wanted[19:21, 11] = 255
    rival = 13  # 12.6, after the ball
    wanted[rival - 4 : rival + 4, 2:4] = wanted[28 - 4 : 28 + 4, 38:40] = 255
    assert torch.equal(shown[0, 1], wanted)
    assert world.picture().shape == (3, 336, 336)
    assert torch.equal(world.picture()[0, ::8, ::8], wanted)


def test_a_copy_plays_the_same_whatever_plays_beside_it():
    alone, beside = MiniPong(1), MiniPong(1)
    alone.reset(5), beside.reset(5)
    many = MiniPong(4)
    many.reset(5)
    assert torch.equal(many.seen[:1], alone.seen)
    for step in range(200):
        action = step // 7 % 3
        one = alone.step(torch.tensor([action]))
        all_of_them = many.step(torch.tensor([action, 0, 1, 2]))
        assert torch.equal(one.observations, all_of_them.observations[:1])
        assert torch.equal(one.rewards, all_of_them.rewards[:1])


def test_goes_on_to_the_bit():
    world, stream = MiniPong(6, points=1), torch.Generator().manual_seed(0)
    world.reset(1)
    actions = torch.randint(3, (120, 6), generator=stream)
    for row in actions[:60]:
        world.step(row)
    state = unpack(*pack(world.state_dict()))
    wanted = [world.step(row) for row in actions[60:]]
    other = MiniPong(6, points=1)
    other.load_state_dict(state)
    for row, one in zip(actions[60:], wanted, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other.step(row), strict=True))
    assert sum(int(one.ended.sum()) for one in wanted) > 3


def test_serves_differ_between_copies_points_and_seeds():
    world = MiniPong(50)
    world.reset(0)
    first = world._ball[:, 1]
    world.reset(1)
    assert len(set(first.tolist())) == 50
    assert not torch.equal(first, world._ball[:, 1])
    leftwards = (world._speed[:, 0] < 0).float().mean()
    assert 0.25 < float(leftwards) < 0.75
    assert float(world._ball[0, 0]) == SIDE / 2 and LEFT < SIDE / 2 < RIGHT


def test_counts_are_checked():
    with pytest.raises(UserError, match="points=0"):
        MiniPong(1, points=0)
