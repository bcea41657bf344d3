"""What is counted of episodes."""

import math

import torch

from tilth.data.environment import KEPT, EpisodeCount, Stepped
from tilth.train.state import pack, unpack


def stepped(rewards, terminated=(False, False), truncated=(False, False)):
    ends = torch.tensor(terminated), torch.tensor(truncated)
    return Stepped(torch.zeros(2, 1), torch.tensor(rewards), *ends, torch.zeros(2, 1))


def test_returns_and_lengths_are_of_each_copys_own_episode():
    count = EpisodeCount(2)
    assert math.isnan(count.mean_return())
    count.add(stepped([1.0, 10.0]))
    count.add(stepped([2.0, 20.0], truncated=(False, True)))
    count.add(stepped([4.0, 5.0], terminated=(True, False)))
    state = unpack(*pack(count.state_dict()))
    other = EpisodeCount(2)
    other.load_state_dict(state)
    for one in (count, other):
        one.add(stepped([8.0, 3.0], terminated=(True, True)))
        assert one.returns == [30.0, 7.0, 8.0, 8.0] and one.lengths == [2, 3, 1, 2]
        assert one.ended == 4 and one.mean_return() == 53 / 4


def test_only_the_last_episodes_are_kept():
    count = EpisodeCount(2)
    for number in range(KEPT):
        count.add(stepped([float(number), -1.0], terminated=(True, False)))
    count.add(stepped([5.0, 0.0], terminated=(False, True)))
    assert count.ended == KEPT + 1 and len(count.returns) == KEPT
    assert count.returns == [*map(float, range(1, KEPT)), -float(KEPT)]
