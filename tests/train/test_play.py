"""Whole episodes, settled before they begin."""

import pytest
import torch

from tests.worlds import COUNTER, Clock
from tilth.data.gym_environment import GymEnvironment
from tilth.data.mini_pong import MiniPong
from tilth.errors import UserError
from tilth.randomness import fold
from tilth.train import play as playing
from tilth.train.play import play


def test_every_copy_plays_its_episodes_to_the_end():
    """An episode of n steps pays 1 + 2 + ... + n; the first n are those of the copy's seeds."""
    found = play(Clock().train(), GymEnvironment(COUNTER, 20), rounds=3, seed=4)
    world, wanted = GymEnvironment(COUNTER, 20), [[] for _ in range(20)]
    world.reset(fold(4, "world of playing") % 2**31)
    for _ in range(40):
        stepped = world.step(torch.zeros(20, dtype=torch.int64))
        for copy in stepped.ended.nonzero().squeeze(1).tolist():
            wanted[copy].append(int(stepped.finals[copy, 0]))
    lengths = torch.tensor([one[:3] for one in wanted]).T.flatten()
    assert torch.equal(found.lengths, lengths)
    torch.testing.assert_close(found.returns, (lengths * (lengths + 1) / 2).double())


def test_short_episodes_are_not_favoured():
    """Lengths are uniform in 3..7; the first 200 to end anywhere would be shorter on average."""
    found = play(Clock(), GymEnvironment(COUNTER, 400))
    assert len(found.returns) == 400
    assert found.summary()["length"] == pytest.approx(5.0, abs=0.25)


def test_playing_again_is_the_same_and_another_seed_is_not():
    def returns(seed):
        return play(Clock(), GymEnvironment(COUNTER, 50), seed=seed).returns

    assert torch.equal(returns(0), returns(0))
    assert not torch.equal(returns(0), returns(1))


def test_the_summary_by_hand():
    ends = torch.tensor([True, False, True])
    played = playing.Played(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([4, 5, 9]), ends)
    found = played.summary()
    assert found["return"] == 3.0 and found["least_return"] == 1.0 and found["length"] == 6.0
    assert found["return_standard_error"] == pytest.approx((7 / 3) ** 0.5)


def test_a_world_without_an_end_is_told(monkeypatch):
    monkeypatch.setattr(playing, "LONGEST", 5)
    with pytest.raises(UserError, match="an episode of MiniPong has no end after 5 steps"):
        play(Clock(), MiniPong(2))
