"""One update from one episode of 4,000 pictures, with as much memory as is given.

``python -m tests.train.long_episode MEGABYTES`` plays and takes the update with so much more memory
than the process has before it acts, then the same update with all there is. It prints how the
first batch was cut and how far apart the weights are.
"""

from __future__ import annotations

import copy
import json
import resource
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from tilth.contracts import Player
from tilth.data.episodes import Episodes
from tilth.data.gym_environment import GymEnvironment
from tilth.nn.action import Action
from tilth.nn.distributions import categorical_log_prob_entropy
from tilth.nn.judged import Judged
from tilth.objectives.reinforce import Reinforce
from tilth.train.loop import Loop

FRAMES, SIDE = 4000, 24


class Film(gymnasium.Env):
    """Shows pictures and pays the brightness of the corner that was chosen."""

    observation_space = gymnasium.spaces.Box(0, 255, (SIDE, SIDE, 1), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.frame = 0
        return self._show(), {}

    def step(self, action):
        self.frame += 1
        paid = float(self.picture[0, -int(action), 0]) / 255
        return self._show(), paid, self.frame == FRAMES, False, {}

    def _show(self):
        self.picture = self.np_random.integers(0, 256, (SIDE, SIDE, 1), dtype=np.uint8)
        return self.picture


class Watcher(nn.Module):
    """A policy in float64: one wide layer of convolutions, so that frames take memory."""

    def __init__(self) -> None:
        super().__init__()
        pools = (nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2))
        self.layers = nn.Sequential(nn.Conv2d(1, 16, 3), *pools).double()

    def forward(self, observations: Tensor) -> Tensor:
        return self.layers(observations.double() / 255)

    def judge(self, observations: Tensor, actions: Tensor) -> Judged:
        logits = self(observations)
        values = torch.zeros(len(logits), dtype=torch.float64)
        return Judged(*categorical_log_prob_entropy(logits, actions), values)

    @torch.no_grad()
    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        return Action(self(observations).argmax(1))


class Once(Episodes):
    """Plays when it is first asked, within the limit, and hands the same episode out again."""

    batch = None

    def next(self, model, context):
        if self.batch is None:
            self.batch = super().next(model, context)
        return self.batch


def limit(megabytes: int) -> None:
    """Let the process take so much more address space than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def updated(model: nn.Module, source: Episodes) -> Loop:
    """Take the one update."""
    player = Player(list(model.parameters()), torch.optim.SGD(model.parameters(), 0.1))
    loop = Loop(model, [Reinforce()], source, {"model": player}, total_steps=1)
    loop.fit()
    return loop


def main(megabytes: int) -> None:
    gymnasium.register("tilth-test/Film-v0", Film)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Watcher()
    whole = copy.deepcopy(model)
    source = Once(GymEnvironment("tilth-test/Film-v0"))
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit(megabytes)
    warnings.simplefilter("ignore")
    cuts = updated(model, source).cuts
    resource.setrlimit(resource.RLIMIT_AS, before)
    uncut = updated(whole, source).cuts
    pairs = zip(model.parameters(), whole.parameters(), strict=True)
    apart = max(float((one - other).abs().max()) for one, other in pairs)
    frames = len(source.batch.returns)
    print(json.dumps({"frames": frames, "cuts": cuts, "uncut": uncut, "apart": apart}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
