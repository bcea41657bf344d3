"""The memory against a plain list of everything that happened."""

from collections import Counter

import pytest
import torch

from tests.worlds import COUNTER
from tilth.data.environment import Space, Stepped
from tilth.data.gym_environment import GymEnvironment
from tilth.data.transitions import TransitionMemory
from tilth.errors import UserError
from tilth.train.state import pack, unpack

CHOICES = Space((), "int64", choices=3)


class Film:
    """Copies that show stacks of numbered frames, [3, 1, 2] uint8; every fifth episode is cut."""

    def __init__(self, copies):
        self.copies, self.number = copies, 0
        self.stream = torch.Generator().manual_seed(0)
        self.stacks = [self._first() for _ in range(copies)]
        self.seen = self.show(self.stacks)

    def _new(self):
        self.number += 1
        return self.number

    def _first(self):
        return [self._new(), self._new(), self._new()]

    def show(self, stacks):
        frames = torch.tensor(stacks)
        return torch.stack([frames // 250, frames % 250], -1).to(torch.uint8)[:, :, None]

    def step(self):
        self.stacks = [[*stack[1:], self._new()] for stack in self.stacks]
        finals = self.show(self.stacks)
        ended = torch.rand(self.copies, generator=self.stream) < 0.15
        cut = torch.rand(self.copies, generator=self.stream) < 0.2
        self.stacks = [self._first() if e else s for s, e in zip(self.stacks, ended, strict=True)]
        self.seen = self.show(self.stacks)
        rewards = torch.randn(self.copies, generator=self.stream)
        return Stepped(self.seen, rewards, ended & ~cut, ended & cut, finals)


def filled(steps, *, capacity, n_step, copies=3, frames=3):
    """Return a memory and every transition that happened, by the bytes of its observation."""
    film, happened = Film(copies), [[] for _ in range(copies)]
    memory = TransitionMemory(
        copies, Space((3, 1, 2), "uint8"), CHOICES, capacity=capacity, frames=frames
    )
    memory.begin(film.seen)
    for time in range(steps):
        before, actions = film.seen, torch.randint(3, (copies,), generator=film.stream)
        stepped = film.step()
        memory.add(actions, stepped)
        for one in range(copies):
            facts = (before[one], int(actions[one]), float(stepped.rewards[one]))
            ends = (bool(stepped.terminated[one]), bool(stepped.ended[one]))
            happened[one].append((*facts, stepped.finals[one], *ends, time))
    return memory, expected(happened, n_step)


def expected(happened, n_step):
    """Return observation -> (action, n-step reward, what follows, discount, time)."""
    wanted = {}
    for one in happened:
        for start, (seen, action, *_) in enumerate(one):
            total = 0.0
            for later, step in enumerate(one[start : start + n_step]):
                total += 0.9**later * step[2]
                if step[5]:
                    break
            else:
                if later + 1 < n_step:
                    continue  # not over yet
            discount = 0.0 if step[4] else 0.9 ** (later + 1)
            wanted[bytes(seen.flatten())] = (action, total, step[3], discount, one[start][6])
    return wanted


@pytest.mark.parametrize("n_step", [1, 4])
@pytest.mark.parametrize("capacity", [10_000, 90])
def test_every_row_that_is_drawn_happened_and_all_are_drawn_alike(capacity, n_step):
    memory, wanted = filled(60, capacity=capacity, n_step=n_step)
    stream = torch.Generator().manual_seed(2)
    rows = memory.draw(6_000, stream, steps=n_step, discount=0.9)
    drawn = Counter()
    for seen, action, reward, following, discount in zip(*rows, strict=True):
        key = bytes(seen.flatten())
        drawn[key] += 1
        if drawn[key] > 2:
            continue
        action_, reward_, following_, discount_, _ = wanted[key]
        assert int(action) == action_
        assert float(reward) == pytest.approx(reward_, abs=1e-5)
        assert torch.equal(following, following_)
        assert float(discount) == pytest.approx(discount_, abs=1e-6)
    times = Counter(wanted[key][4] for key in drawn)
    newest = max(times)
    if capacity > 1000:  # all of them, but those of the last steps, which may not be over yet
        assert len(drawn) >= len([one for one in wanted.values() if one[4] <= 60 - n_step])
    else:  # 30 places of a copy, some of which are the beginnings of episodes
        assert 40 < len(drawn) < 90 and min(times) > 20
    assert newest == 60 - n_step
    mean = 6_000 / len(drawn)
    chi_square = sum((count - mean) ** 2 / mean for count in drawn.values())
    freedom = len(drawn) - 1
    assert abs(chi_square - freedom) < 4 * (2 * freedom) ** 0.5


def test_a_vector_is_kept_once_and_found_with_what_followed():
    world = GymEnvironment(COUNTER, 2, arguments={"truncates": True})
    memory = TransitionMemory(2, world.observation, world.action, capacity=100)
    memory.begin(world.reset(0))
    for action in torch.randint(3, (30, 2), generator=torch.Generator().manual_seed(0)):
        memory.add(action, world.step(action))
    rows = memory.draw(500, torch.Generator().manual_seed(0), steps=3, discount=0.5)
    (now, length), (later, _) = rows.observations.unbind(1), rows.following.unbind(1)
    lasts = (length.floor() - now).clamp(max=3)
    assert torch.equal(later - now, lasts)
    assert torch.equal(rows.discounts, 0.5**lasts), "what follows a cut still has a value"
    paid = sum((now + n + 1) * 0.5**n * (n < lasts) for n in range(3))
    torch.testing.assert_close(rows.rewards, paid)


def test_frames_of_a_stack_are_kept_once():
    memory, _ = filled(5, capacity=300, n_step=1)
    assert memory.seen.shape == (3, 100, 1, 1, 2)


@pytest.mark.parametrize("steps", [7, 60])
def test_its_state_holds_what_is_used_and_goes_on(steps):
    memory, _ = filled(steps, capacity=90, n_step=1)
    state = unpack(*pack(memory.state_dict()))
    assert state["seen"].shape[1] == (30 if steps == 60 else int(memory.heads.max()) + 1)
    other, _ = filled(50, capacity=90, n_step=1)
    other.load_state_dict(state)
    for seed in range(3):
        draws = [
            one.draw(64, torch.Generator().manual_seed(seed), steps=2, discount=0.9)
            for one in (memory, other)
        ]
        assert all(torch.equal(a, b) for a, b in zip(*draws, strict=True))


def test_what_cannot_be_kept_is_told():
    with pytest.raises(UserError, match="frames=2 for observations"):
        TransitionMemory(1, Space((3, 8, 8), "uint8"), CHOICES, capacity=100, frames=2)
    with pytest.raises(UserError, match="capacity=8"):
        TransitionMemory(4, Space((3,)), CHOICES, capacity=8)
    memory = TransitionMemory(1, Space((3,)), CHOICES, capacity=100)
    memory.begin(torch.zeros(1, 3))
    with pytest.raises(UserError, match="nothing to draw yet"):
        memory.draw(2, torch.Generator(), steps=1, discount=0.9)
