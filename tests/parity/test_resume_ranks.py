"""Two gloo ranks, each with its own random streams: a resumed training is the unbroken one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.job import make_loop, resume
from tilth.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def said(folder):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.parity.resume_worker", str(rank), "2", str(folder)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        answers = [rank.communicate(timeout=120)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0]
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def test_resumed_ranks_end_with_the_weights_and_streams_of_unbroken_ones(said):
    for rank in said:
        assert 5 < rank["begun"] < 11
        assert rank["again"] == rank["whole"]
    assert said[0]["whole"][0] == said[1]["whole"][0]
    # else it would not matter whose streams were saved
    assert said[0]["whole"][1] != said[1]["whole"][1]


def test_ranks_stop_together_though_only_one_heard(said):
    assert said[0]["stopped"] == said[1]["stopped"] == [8, "interrupted"]
    assert said[0]["late"] == said[1]["late"] == [11, "interrupted"]


def test_ranks_save_at_the_same_steps_though_their_clocks_differ(said):
    assert said[0]["saved"] == said[1]["saved"] == [11, 8]


def test_another_number_of_ranks_is_refused(said, folder):
    loop = make_loop(11)
    with pytest.raises(UserError, match=r"state of 2 ranks, taken up by 1.*start 2 processes"):
        resume(loop, folder / "whole")
    assert loop.step == 0
