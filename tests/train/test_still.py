"""Frozen parts while a loop trains: weights and statistics stay to the bit, and modes come back."""

import numpy as np
import torch
from torch import nn

from tilth.contracts import BaseHook, Player
from tilth.data.dataset import as_they_are
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.nn.frozen import Frozen
from tilth.objectives.supervised import Supervised
from tilth.train.loop import Loop
from tilth.train.lr_finder import find_lr
from tilth.train.optimizers import adamw
from tilth.train.still import Still


def loop_of(hooks=(), count=2):
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU()),
        *(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)),
    )
    frozen = Frozen(model)
    frozen.hold(count)
    rows = torch.randn(64, 4)
    targets = (rows[:, 0] > 0).long()
    chosen = np.arange(64)
    source = DatasetSource(ResidentStore(rows), targets, chosen, 16, prepare=as_they_are)
    loss = Supervised(nn.functional.cross_entropy, reduction="mean", separable=False)
    player = Player([p for p in model.parameters() if p.requires_grad], adamw(model, 0.1))
    parts = [Still(frozen.modules), *hooks]
    return Loop(model, [loss], source, {"model": player}, total_steps=8, hooks=parts)


class Modes(BaseHook):
    def __init__(self):
        self.seen = set()

    def after_step(self, loop):
        self.seen.add(tuple(module.training for module in loop.model))


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_what_is_frozen_stays_to_the_bit_and_gets_its_mode_back():
    modes = Modes()
    loop = loop_of([modes])
    before = state(loop.model)
    loop.fit()
    changed = {n for n, value in loop.model.state_dict().items() if not value.equal(before[n])}
    assert changed == {"7.weight", "7.bias"}
    assert modes.seen == {(False,) * 7 + (True,)}
    assert all(module.training for module in loop.model)


def test_without_it_the_statistics_move():
    loop = loop_of()
    loop.hooks = []
    before = state(loop.model)
    loop.fit()
    changed = {n for n, value in loop.model.state_dict().items() if not value.equal(before[n])}
    assert {"1.running_mean", "5.running_var", "1.num_batches_tracked"} < changed


def test_a_range_test_tries_what_the_fit_will_do():
    modes = Modes()
    loop = loop_of()
    seen = []

    class Watched(Still):
        def on_start(self, loop):
            super().on_start(loop)
            seen.append([module.training for module in loop.model])

    loop.hooks = [Watched(loop.hooks[0].modules), modes]
    find_lr(loop, default=0.1)
    assert seen == [[False] * 7 + [True]]
    assert modes.seen == set()  # hooks of the fit's own are not asked in a trial
