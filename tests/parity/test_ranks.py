"""Two gloo ranks: one step's gradient in float64 equals the whole batch's to 1e-12."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

WORKER = Path(__file__).with_name("rank_worker.py")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return run_ranks(tmp_path_factory.mktemp("alone"), 1)


def test_two_ranks_take_the_step_of_one(alone, tmp_path):
    found = run_ranks(tmp_path, 2)
    for name in ("first", "last"):
        one, both = (torch.tensor(run[0][name], dtype=torch.float64) for run in (alone, found))
        assert torch.allclose(one, both, rtol=0, atol=1e-12), name
    assert found[0]["last"] == found[1]["last"]
    assert sorted(found[0]["rows"] + found[1]["rows"]) == sorted(alone[0]["rows"])
    assert found[0]["rows"] != found[1]["rows"]


def test_first_step_is_the_hand_written_gradient(alone):
    sys.path.insert(0, str(WORKER.parent))
    try:
        import rank_worker
    finally:
        sys.path.pop(0)
    (alone,) = alone
    inputs, targets = rank_worker.table()
    model = rank_worker.net()
    loss = F.cross_entropy(model(inputs[alone["rows"]]), targets[alone["rows"]])
    loss.backward()
    wanted = nn.utils.parameters_to_vector(model.parameters()) - nn.utils.parameters_to_vector(
        parameter.grad for parameter in model.parameters()
    )
    assert torch.allclose(
        torch.tensor(alone["first"], dtype=torch.float64), wanted, rtol=0, atol=1e-12
    )


def test_three_ranks_share_statistics_and_leave_constants_alone(tmp_path):
    found = run_ranks(tmp_path, 3, WORKER.with_name("buffer_worker.py"))
    assert found == [[1.0, 1.0, 1.0]] * 3


def run_ranks(folder, world, worker=WORKER):
    # a file store, so that no port has to be free
    meeting = folder / f"meeting-{world}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, worker, str(rank), str(world), str(meeting)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for rank in range(world)
    ]
    answers = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * world
    return [json.loads(answer.splitlines()[-1]) for answer in answers]
