"""Saved and taken up again in a resolved configuration, the weights are the same to the bit."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.job import prepare, resume, weights_sha256
from tilth.contracts import Player
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train.checkpoint import Checkpointer
from tilth.train.loop import Loop
from tilth.train.numerics import Numerics
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle

STEPS = 9


def make_loop(numerics, micro_batches, hooks=(), dropout=0.3):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pictures = torch.randint(0, 256, (40, 2, 6, 6), dtype=torch.uint8)
        labels = torch.randint(0, 3, (40,))
        model = nn.Sequential(
            nn.Conv2d(2, 8, 3, stride=2),
            nn.GroupNorm(2, 8),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(32, 3),
        )
    source = DatasetSource(ResidentStore(pictures), labels, np.arange(40), 11, prepare=prepare)
    player = Player(list(model.parameters()), adamw(model, lr=0.01), one_cycle(), clip=0.5)
    return Loop(
        model,
        [Supervised(CrossEntropy(0.1))],
        source,
        {"model": player},
        total_steps=STEPS,
        hooks=hooks,
        micro_batches=micro_batches,
        numerics=numerics,
    )


@pytest.mark.parametrize("at", [1, 4, STEPS - 1])
@pytest.mark.parametrize("micro_batches", [1, 2])
@pytest.mark.parametrize(
    "numerics", [Numerics(), Numerics("bfloat16"), Numerics("bfloat16", channels_last=True)]
)
def test_with_dropout_cut_batches_and_short_numbers(tmp_path, numerics, micro_batches, at):
    def loop(*hooks, **more):
        return make_loop(numerics, micro_batches, hooks, **more)

    whole, dry = loop(), loop(dropout=0.0)
    whole.fit()
    dry.fit()
    first = loop(Checkpointer(tmp_path, every_steps=at, keep=STEPS))
    first.fit()
    for later in (path for path in tmp_path.iterdir() if path.name != f"step-{at:08d}"):
        for file in later.iterdir():
            file.unlink()
        later.rmdir()
    again = loop(Checkpointer(tmp_path, every_steps=at))
    assert resume(again, tmp_path) == at
    again.fit()
    assert again.step == STEPS
    assert weights_sha256(again) == weights_sha256(whole) != weights_sha256(dry)
    assert again.metrics == whole.metrics


def test_each_setting_matters():
    """Else the test above would compare one training with itself."""
    ends = set()
    for numerics in (Numerics(), Numerics("bfloat16")):
        for parts in (1, 2):
            loop = make_loop(numerics, parts)
            loop.fit()
            ends.add(weights_sha256(loop))
    assert len(ends) == 4
