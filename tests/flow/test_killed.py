"""A script killed at any disk operation of a run, and started again, ends with its weights."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tests.faults import FaultyDisk, count, run_faulty
from tilth.errors import TilthError, UserError
from tilth.train.run_folder import RunFolder

ROWS = 60


def script(run, epochs=1):
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
            epochs=epochs,
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


class FullDisk(io.FileIO):
    """A file that takes half of what is written."""

    def write(self, data):
        super().write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_for_a_while_costs_no_line_of_the_metrics(tmp_path, monkeypatch):
    whole = script(tmp_path / "whole", epochs=2)()
    plain, appended = Path.open, []

    def full_at_first(self, mode="r", *arguments, **named):
        if mode == "ab" and self.name == "metrics.jsonl":
            appended.append(self)
            if len(appended) in (1, 3):
                return FullDisk(self, "a")
        return plain(self, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", full_at_first)
    with pytest.warns(UserWarning, match=r"metrics.jsonl could not be written .*No space left"):
        found = script(tmp_path / "run", epochs=2)()
    monkeypatch.undo()
    assert torch.equal(found, whole)
    lines = [(line["phase"], line["epoch"]) for line in RunFolder.open(tmp_path / "run").metrics()]
    assert lines == [(0, 1.0), (0, 2.0), (1, 1.0), (1, 2.0)]


def test_a_disk_that_is_full_at_the_end_is_told_and_the_run_can_go_on(tmp_path, monkeypatch):
    def full(self, summary):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "mark_done", full)
    with pytest.raises(TilthError, match=r"training ended, but .*No space left.*resume"):
        script(tmp_path / "run")()
    monkeypatch.undo()
    assert torch.equal(script(tmp_path / "run")(), script(tmp_path / "whole")())


def test_a_folder_that_is_not_a_stillborn_run_is_left_alone(tmp_path):
    (tmp_path / "config.toml").write_text("theirs = 1\n")
    with pytest.raises(UserError):
        script(tmp_path)()
    assert (tmp_path / "config.toml").read_text() == "theirs = 1\n"
