"""A script killed at any disk operation of a run, and started again, ends with its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tests.faults import FaultyDisk, count, run_faulty
from tilth.errors import UserError

ROWS = 60


def script(run):
    """Return what a user's script does: two phases, both told to go on where they were."""

    def train():
        chance = np.random.default_rng(0)
        data = tl.arrays(chance.random((ROWS, 8, 8), dtype=np.float32), np.arange(ROWS) % 2)
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 2))
        learn = tl.Learner(
            data,
            net,
            run=run,
            epochs=1,
            batch_size=21,
            lr=0.01,
            patience=0,
            dtype="float32",
            channels_last=False,
            checkpoint_seconds=0.0,
            quiet=True,
        )
        learn.fit(resume=True)
        learn.fit(resume=True)
        return net[2].weight.detach().clone()

    return train


KINDS = ("before", "torn", "after")


@pytest.mark.parametrize(
    "some", [pytest.param(False, marks=pytest.mark.slow, id="all"), pytest.param(True, id="some")]
)
def test_killed_at_every_disk_operation_and_started_again(tmp_path, monkeypatch, some):
    whole = script(tmp_path / "whole")()
    operations = count(script(tmp_path / "probe"), monkeypatch)
    assert len(operations) > 50
    cases = [(at, kind) for at in range(len(operations)) for kind in KINDS]
    for at, kind in cases[::10] if some else cases:
        train = script(tmp_path / f"{kind}-{at}")
        faulty = FaultyDisk(kind, at)
        run_faulty(train, faulty, monkeypatch)
        assert faulty.dead
        assert torch.equal(train(), whole), f"killed {kind} operation {at}, {operations[at]}"


def test_a_folder_that_is_not_a_stillborn_run_is_left_alone(tmp_path):
    (tmp_path / "config.toml").write_text("theirs = 1\n")
    with pytest.raises(UserError):
        script(tmp_path)()
    assert (tmp_path / "config.toml").read_text() == "theirs = 1\n"
