"""The whole job: what is told before the data is read, and what a finished run says again."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tests.cli.calling import call
from tilth.errors import UserError
from tilth.flow.phase import Phase
from tilth.flow.run import Run
from tilth.flow.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tilth.flow.several import cross_validate_job, repeat_job
from tilth.flow.sources import read
from tilth.flow.together import spread, table, together
from tilth.flow.train import Job, bundled, make_learner, resume, train
from tilth.ship.predictor import load

FAST = TrainSettings(epochs=1, lr=0.01, device="cpu", dtype="float32", channels_last=False)


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    chance = np.random.default_rng(0)
    lines = [f"{r},{50 * r + chance.normal():.3f}" for r in chance.integers(1, 9, 90)]
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    path.write_text("rooms,price\n" + "\n".join(lines) + "\n")
    return DataSettings(path=str(path), target="price")


@pytest.fixture
def unread(monkeypatch):
    """Make reading the data, measuring and the range test fail the test."""

    def never(*arguments, **named):
        raise AssertionError("the data was read")

    monkeypatch.setattr("tilth.flow.sources.read_table", never)
    monkeypatch.setattr("tilth.flow.learner.find_lr", never)
    monkeypatch.setattr("tilth.flow.learner.choose_numerics", never)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds=-1"),
        ({"device": "cudda"}, "did you mean 'cuda'"),
        ({"dtype": "float61"}, "float61"),
        ({"schedule": "onecycle"}, "did you mean 'one_cycle'"),
    ],
)
@pytest.mark.parametrize(
    "do", [train, lambda job: repeat_job(job, 2), lambda job: cross_validate_job(job, 2)]
)
def test_wrong_settings_are_told_before_the_data_is_read(houses, unread, wrong, told, do):
    with pytest.raises(UserError, match=told):
        do(Job(Settings(houses, train=dataclasses.replace(FAST, **wrong)), quiet=True))


def test_wrong_models_and_bundles_are_told_before_the_data_is_read(houses, unread):
    for model, told in (
        (ModelSettings("tabular"), "unknown model 'tabular'"),
        (ModelSettings(warm_start="no/bundle"), "warm_start='no/bundle'"),
    ):
        with pytest.raises(UserError, match=told):
            train(Job(Settings(houses, model, FAST), quiet=True))


def test_a_folder_that_is_taken_or_cannot_be_made_is_told_before(houses, unread, tmp_path):
    settings = Settings(houses, train=FAST)
    (tmp_path / "taken-seed1").mkdir()
    (tmp_path / "taken-seed1" / "mine.txt").write_text("mine")
    (tmp_path / "taken-fold2").symlink_to(tmp_path / "taken-seed1")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="taken-seed1 exists and is not a run"):
        train(Job(settings, run=tmp_path / "taken-seed1"))
    with pytest.raises(UserError, match="taken-seed1 exists and is not a run"):
        repeat_job(Job(settings, run=tmp_path / "taken"), 2)
    with pytest.raises(UserError, match="taken-fold2 exists and is not a run"):
        cross_validate_job(Job(settings, run=tmp_path / "taken"), 2)
    with pytest.raises(UserError, match=r"cannot write the run to .*file/run"):
        train(Job(settings, run=tmp_path / "file" / "run"))
    with pytest.raises(UserError, match="--resume without a folder"):
        train(Job(settings, resume=True))
    assert {path.name for path in tmp_path.iterdir()} == {"taken-seed1", "taken-fold2", "file"}


def test_a_finished_run_is_taken_as_it_is(houses, tmp_path):
    job = Job(Settings(houses, train=FAST), run=tmp_path / "run", quiet=True)
    _, first = train(job)
    written = (tmp_path / "run" / "audit.json").stat().st_mtime_ns
    _, second = train(dataclasses.replace(job, resume=True))
    assert (tmp_path / "run" / "audit.json").stat().st_mtime_ns == written
    assert {**second, "seconds": 0} == {**first, "seconds": 0}


def test_a_resume_without_a_checkpoint_says_that_it_begins_anew(houses, tmp_path, capsys):
    settings = Settings(houses, train=FAST)
    for name in ("measuring", "training"):  # killed there
        job = Job(settings, run=tmp_path / name, quiet=True)
        learn = make_learner(read(houses), job)
        run = learn.begin()
        if name == "training":
            Phase(learn, run, 0)
        resume(tmp_path / name)
        assert "no checkpoint was written before it stopped: begins anew" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "training" / "model")
    resume(tmp_path / "training")
    assert "begins anew" not in capsys.readouterr().err


def test_a_run_named_as_data_is_told_what_trains_with_its_settings(houses, tmp_path):
    run = make_learner(read(houses), Job(Settings(houses, train=FAST), run=tmp_path / "r")).begin()
    told = f"{run.path} is a run .unfinished., no data; .*tilth train {run.path}/config.toml trains"
    with pytest.raises(UserError, match=f"{told} anew, tilth resume {run.path} goes on with it"):
        read(DataSettings(path=str(run.path)))
    resume(run.path, quiet=True)
    with pytest.raises(UserError, match=r"is a run .done., no data; .*config.toml trains anew\.$"):
        read(DataSettings(path=str(run.path)))


@pytest.mark.parametrize("lost", ["all of it", "config.json", "model.safetensors"])
def test_a_lost_bundle_is_made_again_from_the_checkpoint(houses, tmp_path, lost):
    run, _ = train(Job(Settings(houses, train=FAST), run=tmp_path / "run", quiet=True))
    rows = [{"rooms": 3.0}, {"rooms": 7.0}]
    before = [one.value for one in load(run.path).predict(rows)]
    model = run.path / "model"
    if lost == "all of it":
        shutil.rmtree(model)
    else:
        (model / lost).unlink()
    if lost != "model.safetensors":  # then it is named
        for place in (run.path, model) if lost == "all of it" else (run.path,):
            with pytest.raises(UserError, match=r"its bundle .* run\.export.* tilth resume"):
                load(place)
    assert not Run.open(run.path).is_finished
    code, out, _ = call("export", run.path, tmp_path / "kept")
    assert code == 0
    assert out.strip() == str(tmp_path / "kept")
    for place in (run.path, tmp_path / "kept"):
        assert [one.value for one in load(place).predict(rows)] == before
    assert Run.open(run.path).is_finished


def test_a_lost_bundle_without_a_checkpoint_says_what_is_left_to_do(houses, tmp_path):
    run, _ = train(Job(Settings(houses, train=FAST), run=tmp_path / "run", quiet=True))
    shutil.rmtree(run.path / "model")
    shutil.rmtree(run.folder.checkpoints)
    with pytest.raises(UserError, match=r"neither its bundle nor its checkpoints.*trains it again"):
        bundled(run.path)
    assert run.folder.status == "done"


def test_a_lost_bundle_of_own_code_is_for_the_own_script(tmp_path):
    points = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    data = tl.arrays(points, points[:, 0] > 0)
    run = tl.Learner(data, nn.Linear(2, 2), run=tmp_path / "run", quiet=True).fit(1, lr=0.01)
    with pytest.raises(UserError, match=r"resume=True. and run.export"):
        bundled(run.path)
    run.export()
    assert bundled(run.path).has_bundle  # though no report was asked for


@pytest.mark.parametrize("minutes", [None, 0.2])
def test_a_budget_of_minutes_is_told_apart_from_the_rest(houses, tmp_path, capsys, minutes):
    fast = dataclasses.replace(FAST, minutes=minutes)
    train(Job(Settings(houses, train=fast), run=tmp_path / "run"))
    (took,) = (line for line in capsys.readouterr().err.splitlines() if "took  " in line)
    told = "; the rest is measuring, looking and writing)"
    assert took.endswith(told) == (minutes is not None)


def test_peak_memory_and_the_names_of_things(houses, tmp_path):
    run, _ = train(Job(Settings(houses, train=FAST), run=tmp_path / "run", quiet=True))
    assert run.audit()["training"]["peak_bytes"] > 50e6
    assert "Peak memory" in (run.path / "report.html").read_text(encoding="utf-8")
    wanted = f"Run({str(run.path)!r}, regress price, tabular_mlp, done)"
    assert repr(run) == repr(Run.open(run.path)) == wanted
    assert repr(run.learner) == (
        "Learner('houses.csv', regress price, tabular_mlp, trained in 1 phase)"
    )


def test_repeats_tell_every_run_and_never_mix_them(houses, tmp_path, capsys):
    job = Job(Settings(houses, train=FAST), run=tmp_path / "r")
    found = json.loads(json.dumps(repeat_job(job, 2)))
    said = capsys.readouterr().err
    scores = [one["test"]["rmse"] for one in found["runs"]]
    assert found["repeats"] == 2
    assert found["test"]["rmse"] == pytest.approx(np.mean(scores))
    assert found["test_sd"]["rmse"] == pytest.approx(np.std(scores, ddof=1))
    assert found["baseline_sd"]["rmse"] >= 0
    assert [one["seed"] for one in found["runs"]] == [0, 1]
    assert {"interval", "run", "bundle", "report", "headline"}.isdisjoint(found)
    for one in found["runs"]:
        low, high = one["interval"]
        assert low <= one["test"]["rmse"] <= high
        (line,) = [line for line in said.splitlines() if line.startswith("rmse")]
        assert f"{one['test']['rmse']:.4g}" in line
    assert "2 runs, one per seed" in said


def test_repeats_go_on_where_they_stopped(houses, tmp_path):
    job = Job(Settings(houses, train=FAST), run=tmp_path / "r", quiet=True)
    before = repeat_job(job, 2)
    again = repeat_job(dataclasses.replace(job, resume=True), 3)
    assert [one["test"] for one in again["runs"][:2]] == [one["test"] for one in before["runs"]]
    assert len({one["run"] for one in again["runs"]}) == 3


def one(test, baselines, **more):
    names = ("run", "interval", "baseline", "baseline_name", "test_rows", "seconds")
    blank = dict.fromkeys((*names, "training_seconds", "report", "bundle"), 0)
    told = {"task": "classify", "model": "mlp", "main_metric": "auc"}
    return {**blank, **told, "test": test, "baselines": baselines, **more}


def test_the_baseline_of_several_runs_is_the_one_whose_mean_is_best():
    runs = [
        one({"auc": 0.9}, {"linear": {"auc": 0.8}, "boosting": {"auc": 0.7}}),
        one({"auc": None}, {"linear": {"auc": 0.6}, "boosting": {"auc": 0.9}, "knn": {"auc": 1.0}}),
    ]
    found = together(runs, "fold", [1, 2], "max")
    assert found["baseline_name"] == "boosting"
    assert found["baseline"] == {"auc": pytest.approx(0.8)}
    assert together(runs, "fold", [1, 2], "min")["baseline_name"] == "linear"
    assert (found["test"], found["test_sd"]) == ({"auc": 0.9}, {"auc": None})
    assert table(found, "fold").splitlines()[2].split() == (
        ["auc", "0.9", "+-", "-", "0.8", "+-", "0.1414", "0.9", "-"]
    )


def test_the_spread_is_that_of_a_sample():
    values = np.random.default_rng(0).normal(size=5)
    means, deviations = spread([{"x": float(value)} for value in values])
    assert means["x"] == pytest.approx(values.mean())
    assert deviations["x"] == pytest.approx(values.std(ddof=1))


def test_find_lr_tells_wrong_settings_before_the_data_is_read(houses, unread):
    from click.testing import CliRunner

    from tilth.cli.find_lr import command

    words = [houses.path, "--target", "price", "--epochs", "0"]
    found = CliRunner().invoke(command, words)
    assert isinstance(found.exception, UserError)
    assert "epochs=0" in str(found.exception)
