"""Several seeds and folds from Python, with networks and data of one's own too."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import tilth as tl
from tilth.data.folds import fold_splits
from tilth.data.split_record import recorded_rows
from tilth.errors import UserError
from tilth.flow.phase import Interrupted

FAST = {"epochs": 1, "lr": 0.01, "dtype": "float32", "channels_last": False}
ROWS = 90


@pytest.fixture
def points():
    inputs = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    return tl.dataset(TensorDataset(inputs, (inputs[:, 0] > 0).long()))


def own(data, seed):
    """Make a learner with a network and a loss of one's own."""
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    return tl.Learner(data, net, loss=nn.CrossEntropyLoss(), seed=seed, **FAST)


def weights(found):
    """Return the first weights of each run's bundle."""
    from safetensors.numpy import load_file

    files = [Path(one["bundle"]) / "model.safetensors" for one in found["runs"]]
    return [sorted(load_file(file).items())[0][1] for file in files]


def test_every_row_of_an_own_data_set_is_a_test_row_once(points, tmp_path):
    found = tl.cross_validate(own, points, folds=3, run=tmp_path / "cv", quiet=True)
    tested = [
        row
        for number in (1, 2, 3)
        for row in recorded_rows(
            tl.Run.open(tmp_path / f"cv-fold{number}").folder.read_record("data")["splits"]["test"]
        )
    ]
    assert sorted(tested) == list(range(ROWS))
    scores = [one["test"]["accuracy"] for one in found["runs"]]
    assert found["test"]["accuracy"] == pytest.approx(np.mean(scores))
    assert found["test_sd"]["accuracy"] == pytest.approx(np.std(scores, ddof=1))
    assert [one["fold"] for one in found["runs"]] == [1, 2, 3]


def test_seeds_share_the_test_rows_and_begin_with_other_weights(points, tmp_path, capsys):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    found = tl.repeat(own, points, seeds=[3, 8], run=tmp_path / "r")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert "2 runs, one per seed" in capsys.readouterr().err
    records = [tl.Run.open(one["run"]).folder.read_record("data") for one in found["runs"]]
    assert records[0]["splits"] == records[1]["splits"]
    first, second = weights(found)
    assert not np.allclose(first, second)
    again = tl.repeat(own, points, seeds=[3, 8], run=tmp_path / "again", quiet=True)
    assert np.array_equal(weights(again)[0], first)


def test_what_was_stopped_goes_on_and_what_is_done_stays(points, tmp_path):
    class Stop(tl.BaseHook):
        def after_step(self, loop):
            if stops and len(runs) == 2:
                import signal

                signal.raise_signal(signal.SIGINT)

    stops, runs = [True], []

    def make(data, seed):
        runs.append(seed)
        net = nn.Sequential(nn.Linear(3, 2))
        return tl.Learner(data, net, seed=seed, hooks=[Stop()], **FAST)

    where = {"folds": 2, "run": tmp_path / "cv", "quiet": True}
    with pytest.raises(Interrupted) as stop:
        tl.cross_validate(make, points, **where)
    again = f"again with cross_validate(..., run={str(tmp_path / 'cv')!r}, resume=True)"
    assert stop.value.again == f"run the same script {again}"
    assert str(stop.value) == f"stopped; everything is saved. To go on: {stop.value.again}"
    with pytest.raises(UserError, match="run the same script again with cross_validate"):
        from tilth.flow.train import resume

        resume(tmp_path / "cv-fold2")
    done = (tmp_path / "cv-fold1" / "audit.json").stat().st_mtime_ns
    stops.clear()
    found = tl.cross_validate(make, points, resume=True, **where)
    assert (tmp_path / "cv-fold1" / "audit.json").stat().st_mtime_ns == done
    whole = tl.cross_validate(make, points, **{**where, "run": tmp_path / "whole"})
    assert all(map(np.array_equal, weights(found), weights(whole)))


def test_lazy_layers_begin_with_other_weights_too(points, tmp_path):
    def make(data, seed):
        return tl.Learner(data, nn.Sequential(nn.LazyLinear(2)), seed=seed, **(FAST | {"lr": 1e-9}))

    where = {"quiet": True, "seeds": [3, 8]}
    first, second = weights(tl.repeat(make, points, run=tmp_path / "r", **where))
    assert not np.allclose(first, second, atol=1e-3)
    again = weights(tl.repeat(make, points, run=tmp_path / "again", **where))
    assert np.array_equal(again[0], first)


def test_learners_that_are_not_new_are_refused(points, tmp_path):
    net, other = nn.Linear(3, 2), points.with_splits(fold_splits(points, 7, 1)[0])
    where = {"run": tmp_path / "r", "quiet": True, "force": True}
    with pytest.raises(UserError, match="trained in a run before"):
        tl.cross_validate(
            lambda data, seed: tl.Learner(data, nn.Sequential(net), **FAST), points, **where
        )
    with pytest.raises(UserError, match=r"make\(data, 1\) gave a learner with seed=0"):
        tl.repeat(lambda data, seed: tl.Learner(data, nn.Linear(3, 2), **FAST), points, **where)
    for do in (tl.repeat, tl.cross_validate):
        with pytest.raises(UserError, match="data is not the one it was given"):
            do(
                lambda data, seed: tl.Learner(other, nn.Linear(3, 2), seed=seed, **FAST),
                points,
                **where,
            )
    with pytest.raises(UserError, match="run='mine'"):
        tl.repeat(
            lambda data, seed: tl.Learner(data, nn.Linear(3, 2), run="mine", seed=seed), points
        )


def never(data, seed):
    """Fail the test where anything is made."""
    raise AssertionError("a learner was made")


def test_mistakes_are_told_before_anything_is_made(points, tmp_path):
    frame = pl.DataFrame({"who": [n // 3 for n in range(60)], "x": range(60), "y": range(60)})
    grouped = tl.table(frame.cast({"x": pl.Float64, "y": pl.Float64}), "y", group="who")
    for do, told in (
        (lambda: tl.cross_validate(never, grouped), "split by group='who'"),
        (lambda: tl.cross_validate(never, points, folds=1), "folds=1"),
        (lambda: tl.cross_validate(never, points, folds=91), "folds=91"),
        (lambda: tl.repeat(never, points, seeds=[1]), "repeats=1"),
        (lambda: tl.repeat(never, points, seeds=[1, 1]), r"seeds=\[1, 1\]"),
        (lambda: tl.repeat(never, points, resume=True), "resume=True without a folder"),
        (lambda: tl.repeat(never, points, seed=3), "no argument 'seed'"),
    ):
        with pytest.raises(UserError, match=told):
            do()


@pytest.mark.parametrize("kind", ["table", "pictures"])
def test_the_notes_of_a_fold_are_about_its_own_split(kind, tmp_path, capsys):
    stream = np.random.default_rng(0)
    if kind == "table":
        data = tl.arrays(stream.normal(size=(60, 2)), stream.normal(size=60), task="regress")
    else:
        pictures = stream.integers(0, 255, (60, 8, 8), dtype=np.uint8)
        data = tl.arrays(pictures, np.arange(60) % 2)
    said = repr(data)
    assert "split" in said

    def make(part, seed):
        return tl.Learner(part, "mlp" if kind == "pictures" else None, seed=seed, **FAST)

    found = tl.cross_validate(make, data, folds=2, run=tmp_path / "cv")
    told = capsys.readouterr().err
    assert "rows are split" not in told and "split by content" not in told
    for number, one in enumerate(found["runs"], 1):
        record = tl.Run.open(one["run"]).folder.read_record("data")
        note = f"fold {number} of 2: every row is a test row in one of them"
        assert [each for each in record["notes"] if "split" in each or "fold" in each] == [note]
        assert f"  - {note}" in told
    assert repr(data) == said
