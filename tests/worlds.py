"""Small worlds whose every step is known beforehand, for tests."""

import gymnasium
import numpy as np
import torch
from torch import nn

from tilth.contracts import Context
from tilth.nn.action import Action


class StepCounter(gymnasium.Env):
    """Shows how many steps an episode has had, and pays it; how long it lasts is the seed's."""

    observation_space = gymnasium.spaces.Box(0.0, 1000.0, (2,))
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, longest=7, truncates=False, remembers=False, both=False):
        self.longest, self.truncates, self.remembers = longest, truncates, remembers
        self.both = both
        self.episodes = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.length = 0, int(self.np_random.integers(3, self.longest + 1))
        self.episodes += 1
        return self._show(), {}

    def step(self, action):
        self.steps += 1
        ended = self.steps >= self.length
        ends = (False, ended) if self.truncates else (ended, ended and self.both)
        return self._show(action), float(self.steps), *ends, {}

    def _show(self, action=0):
        more = self.episodes * 100 if self.remembers else 0
        return np.array([self.steps, self.length + more + action / 10], np.float32)


class Spread(gymnasium.Env):
    """Shows a picture with its colours last, and takes two bounded numbers."""

    observation_space = gymnasium.spaces.Box(0, 255, (6, 8, 3), np.uint8)
    action_space = gymnasium.spaces.Box(np.float32([-1, 0]), np.float32([1, 2]))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.picture = self.np_random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return self.picture, {}

    def step(self, action):
        return self.picture, float(action[0] + 10 * action[1]), False, False, {}


for number, (name, world) in enumerate({"Counter": StepCounter, "Spread": Spread}.items()):
    gymnasium.register(f"tilth-test/{name}-v{number}", world, max_episode_steps=1000)

COUNTER, SPREAD = "tilth-test/Counter-v0", "tilth-test/Spread-v1"


class Clock(nn.Module):
    """Values an observation of the counter by its first number; acts at random among three."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.explored = []

    def act(self, observations, *, generator, explore):
        assert not torch.is_grad_enabled() and not self.training
        values = 100 + observations[:, 0].float() * self.weight
        if explore <= 0:
            return Action(torch.zeros(len(values), dtype=torch.int64), values[:, None])
        self.explored.append(explore)
        return Action(torch.randint(3, (len(values),), generator=generator), values[:, None])

    def recall(self, features, actions):
        return {"values": features[:, 0]}


def context(step=0):
    return Context(step, 0.0, 0, torch.Generator(), torch.device("cpu"))
