"""The lines of metrics.jsonl, also where the disk was full for a while."""

import errno

import pytest
import torch
from torch import nn

from tilth.contracts import BaseSource, Batch, Player
from tilth.objectives.supervised import Supervised, squared_error
from tilth.train.loop import Loop
from tilth.train.record import Record
from tilth.train.run_folder import RunFolder


class Points(BaseSource):
    def next(self, model, context):
        return Batch(torch.ones(4, 2), torch.zeros(4), torch.arange(4))


def loop_with(record, steps=4):
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(
        [{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 0.25}]
    )
    player = Player(list(model.parameters()), optimizer)
    objective = Supervised(squared_error)
    return Loop(model, [objective], Points(), {"model": player}, total_steps=steps, hooks=[record])


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", config={"seed": 0})


def test_a_line_per_epoch_with_step_samples_and_the_highest_rate(folder):
    loop_with(Record(folder, phase=1, steps_per_epoch=2)).fit()
    lines = folder.metrics()
    told = [(one["phase"], one["step"], one["epoch"], one["samples"], one["lr"]) for one in lines]
    assert told == [(1, 2, 1.0, 8, 0.5), (1, 4, 2.0, 16, 0.5)]
    assert lines[0]["seconds"] <= lines[1]["seconds"]


def test_a_fit_that_is_stopped_inside_an_epoch_gets_its_line(folder):
    record = Record(folder, phase=0, steps_per_epoch=3)
    loop = loop_with(record, steps=5)
    loop.total_steps = 9
    record.after_step, plain = (lambda loop: plain(loop) or loop.stop("enough")), record.after_step
    loop.fit()
    assert [line["step"] for line in folder.metrics()] == [1]
    again = Record(folder, phase=0, steps_per_epoch=3)
    again.load_state_dict(record.state_dict())
    again.on_end(loop)  # a finished phase is looked at again by a resume
    assert len(folder.metrics()) == 1
    loop.stop_reason, loop.step = "interrupted", 2
    again.on_end(loop)
    assert len(folder.metrics()) == 1


def test_lines_that_wait_for_a_full_disk_outlive_a_resume(folder, monkeypatch):
    def full(self, record):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append_metrics", full)
        record = Record(folder, phase=0, steps_per_epoch=2)
        with pytest.warns(UserWarning, match="No space left"):
            loop_with(record, steps=2).fit()
        state = record.state_dict()
    assert folder.metrics() == []
    again = Record(folder, phase=0, steps_per_epoch=2)
    again.load_state_dict(state)
    loop_with(again, steps=2).fit()
    assert [line["step"] for line in folder.metrics()] == [2, 2]
    # what reached the file after the checkpoint is not written twice
    third = Record(folder, phase=0, steps_per_epoch=2)
    third.load_state_dict(state)
    loop = loop_with(third, steps=2)
    loop.step = 2
    third.on_end(loop)
    assert len(folder.metrics()) == 2
