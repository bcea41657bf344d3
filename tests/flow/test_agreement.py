"""A resume goes on as the run began, or says what differs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import tilth as tl
from tests.stop_at import StopAt
from tilth.contracts import BaseHook, Context
from tilth.data.table_set import TableData
from tilth.errors import UserError
from tilth.flow.agreement import differences
from tilth.flow.phase import Interrupted, Phase
from tilth.flow.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tilth.flow.sources import read
from tilth.flow.train import Job, resume, train
from tilth.train.environment import environment
from tilth.train.lr_finder import LrFinding
from tilth.train.run_folder import RunFolder

ROWS = 90


@pytest.fixture(scope="module")
def pictures():
    pixels = np.random.default_rng(0).integers(0, 255, (ROWS, 8, 8)).astype(np.uint8)
    return tl.arrays(pixels, np.arange(ROWS) % 2)


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    chance = np.random.default_rng(0)
    rooms = chance.integers(1, 9, ROWS)
    lines = [f"{r},{50 * r + chance.normal():.3f}" for r in rooms]
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    path.write_text("rooms,price\n" + "\n".join(lines) + "\n")
    return path


class OtherHook(BaseHook):
    pass


def make(data, folder, *, stop=-1, model="mlp", **more):
    usual = {"epochs": 2, "batch_size": 16, "lr": 0.01, "dtype": "float32"}
    settings = {**usual, "channels_last": False, "device": "cpu", "quiet": True, **more}
    hooks = settings.pop("hooks", [StopAt(stop)])
    return tl.Learner(data, model, run=folder, hooks=hooks, **settings)


def interrupted(data, folder, **more):
    with pytest.raises(Interrupted):
        make(data, folder, stop=3, **more).fit()
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"epochs": 3}, "train.epochs: 2 -> 3"),
        ({"batch_size": 8}, "train.batch_size: 16 -> 8"),
        ({"lr": 0.02}, "train.lr: 0.01 -> 0.02"),
        ({"lr": None}, r"train.lr: 0.01 -> \(not given\)"),
        ({"seed": 1}, "train.seed: 0 -> 1"),
        ({"augment": False}, r"train.augment: \(not given\) -> False"),
        ({"dtype": "bfloat16"}, "train.dtype: 'float32' -> 'bfloat16'"),
        ({"model": "two_conv"}, "model.name: 'mlp' -> 'two_conv'"),
        ({"model_arguments": {"layers": [9]}}, r"model.arguments.layers: \(not given\) -> \[9\]"),
        ({"metrics": ["log_loss"]}, r"own.metrics: \(not given\) -> \['log_loss'\]"),
        ({"loss": nn.MultiMarginLoss()}, r"own.loss: \(not given\) -> \['MultiMarginLoss'\]"),
        ({"hooks": [OtherHook()]}, r"own.hooks: \['StopAt'\] -> \['OtherHook'\]"),
        ({"hooks": []}, r"own.hooks: \['StopAt'\] -> \(not given\)"),
    ],
)
def test_a_changed_setting_is_refused_and_named(pictures, tmp_path, change, told):
    folder = interrupted(pictures, tmp_path / "run")
    before = (folder / "config.toml").read_bytes()
    with pytest.raises(UserError, match=f"{told}.*Fix: leave the change out, or begin a new run"):
        make(pictures, folder, **change).fit(resume=True)
    assert (folder / "config.toml").read_bytes() == before


def test_what_changes_no_weight_may_change(pictures, tmp_path):
    whole = make(pictures, tmp_path / "whole")
    whole.fit()
    folder = interrupted(pictures, tmp_path / "run")
    again = make(pictures, folder, checkpoint_seconds=5.0, device="auto" if not _cards() else "cpu")
    again.quiet = True
    again.fit(resume=True)
    wanted, found = whole.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def _cards():
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def test_what_find_lr_returned_may_differ_and_the_recorded_rate_is_kept(pictures, tmp_path):
    def finding(rate):
        return LrFinding(
            suggestion=rate, low=rate, high=rate, confident=True, reason="", rates=[], losses=[]
        )

    def fit(learner, rate, **more):
        return learner.fit(lr=finding(rate), **more)

    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        fit(make(pictures, folder, stop=3, lr=None), 0.01)
    again = make(pictures, folder, lr=None)
    fit(again, 0.0123, resume=True)
    assert again.plan.lr == 0.01


def test_a_later_phase_is_not_changed_either(pictures, tmp_path):
    learner = make(pictures, tmp_path / "run")
    learner.fit(1)
    learner.fit(2, lr=0.005)
    again = make(pictures, tmp_path / "run")
    again.fit(1, resume=True)
    with pytest.raises(UserError, match=r"train.lr: 0.005 -> 0.003"):
        again.fit(2, lr=0.003, resume=True)


def test_a_changed_size_or_split_is_named_by_its_setting(houses, tmp_path):
    folder = interrupted(tl.table(houses, "price"), tmp_path / "run", model="tabular_mlp")
    other = tl.table(houses, "price", fractions=(0.6, 0.2, 0.2))
    with pytest.raises(UserError, match=r"data.fractions: \[0.7, 0.15, 0.15\] -> \[0.6, 0.2, 0.2"):
        make(other, folder, model="tabular_mlp").fit(resume=True)


def test_data_that_moved_is_the_same_data(houses, tmp_path):
    folder = interrupted(tl.table(houses, "price"), tmp_path / "run", model="tabular_mlp")
    moved = tmp_path / "houses.csv"
    moved.write_bytes(houses.read_bytes())
    make(tl.table(moved, "price"), folder, model="tabular_mlp").fit(resume=True)


@pytest.mark.parametrize("name", ["masks", "pairs"])
def test_masks_and_pairs_are_found_from_another_folder_and_may_move(tmp_path, monkeypatch, name):
    draw = np.random.default_rng(0)
    for number in range(30):
        for folder in ("set/seen", "set/wanted"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            pixels = draw.integers(0, 2, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    small = {"model_arguments": {"width": 4}, "epochs": 1, "quiet": True, "run": tmp_path / "run"}
    monkeypatch.chdir(tmp_path / "set")
    tl.Learner(tl.images("seen", **{name: "wanted"}), **small).fit(lr=0.01)
    monkeypatch.chdir(tmp_path)
    recorded = RunFolder.open(tmp_path / "run").config["data"]
    again = read(DataSettings(path=recorded["path"], **{name: recorded[name]}))
    assert Path(recorded[name]) == (tmp_path / "set/wanted").resolve()
    (tmp_path / "set").rename(tmp_path / "moved")
    moved = tl.images("moved/seen", **{name: "moved/wanted"})
    assert moved.fingerprint() == again.fingerprint()
    tl.Learner(moved, **small).fit(lr=0.01, resume=True)


def test_another_kind_of_device_is_refused(pictures, tmp_path):
    folder = interrupted(pictures, tmp_path / "run")
    path = folder / "config.toml"
    path.write_text(path.read_text().replace('device = "cpu"\n', 'device = "cuda"\n'))
    with pytest.raises(UserError, match="was trained on cuda, and this is cpu"):
        make(pictures, folder).fit(resume=True)


def test_other_versions_and_hardware_are_said_once_and_kept(pictures, tmp_path):
    folder = interrupted(pictures, tmp_path / "run")
    begun = json.loads((folder / "env.json").read_text())
    begun["versions"]["torch"], begun["hardware"]["processor"] = "1.0", "an abacus"
    begun["hardware"]["threads"] = 640  # the plan says how many, so it is no difference
    (folder / "env.json").write_text(json.dumps(begun))
    here = environment(0)
    changed = [
        f"torch: 1.0 -> {here['versions']['torch']}",
        f"processor: an abacus -> {here['hardware']['processor']}",
    ]
    with pytest.warns(UserWarning) as warned, pytest.raises(Interrupted):
        make(pictures, folder, stop=5).fit(resume=True)
    (said,) = (str(one.message) for one in warned)
    assert f"goes on elsewhere than it was left ({'; '.join(changed)})" in said
    make(pictures, folder).fit(resume=True).report()  # it was left here, so nothing is said
    found = RunFolder.open(folder).environment
    (resumed,) = found.pop("resumed")
    assert found == begun and resumed["changed"] == changed
    assert resumed["versions"] == here["versions"]
    assert "abacus" in (folder / "report.html").read_text(encoding="utf-8")


def net(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 2))


def test_a_network_of_another_shape_is_told_tensor_by_tensor(pictures, tmp_path):
    folder = interrupted(pictures, tmp_path / "run", model=net(4))
    with pytest.raises(UserError, match=r"1.weight has shape \[4, 64\], the model needs \[5, 64"):
        make(pictures, folder, model=net(5)).fit(resume=True)


def test_another_optimizer_and_damaged_hook_state_are_told(pictures, tmp_path):
    def adam(model):
        return torch.optim.Adam(model.parameters(), lr=0.01)

    folder = interrupted(pictures, tmp_path / "run", lr=None, optimizer=adam)

    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=0.01)

    sgd.__name__ = "adam"  # the name alone is not trusted
    with pytest.raises(UserError, match="the optimizer of 'model' is not a SGD"):
        make(pictures, folder, lr=None, optimizer=sgd).fit(resume=True)

    class Picky(StopAt):
        def load_state_dict(self, state):
            self.seen = state["seen"]

    Picky.__name__ = "StopAt"
    with pytest.raises(UserError, match="KeyError: 'seen'"):
        make(pictures, folder, lr=None, optimizer=adam, hooks=[Picky(-1)]).fit(resume=True)


def test_augment_is_in_the_plan_and_taken_from_it(pictures, tmp_path):
    run = make(pictures, tmp_path / "run", augment=False).fit(1)
    assert run.folder.config["phase"][0]["augment"] is False
    learner = make(pictures, tmp_path / "other")
    plain = make(pictures, tmp_path / "none", augment=False).plan
    batch = learner.parts().source.next(learner.model, first_step())
    learner.follow(plain)
    assert not torch.equal(
        batch.inputs, learner.parts().source.next(learner.model, first_step()).inputs
    )


def first_step():
    return Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"), 0, 1)


@pytest.fixture
def small_pictures(tmp_path):
    chance = np.random.default_rng(0)
    for row in range(ROWS):
        path = tmp_path / "pictures" / "ab"[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 255, (8, 8), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def settings_of(path, model=None, **data):
    fixed = TrainSettings(epochs=1, device="cpu", dtype="float32", channels_last=False)
    return Settings(DataSettings(path=str(path), **data), ModelSettings(model), fixed)


def test_a_default_net_has_its_measured_rate_and_no_range_test(houses, tmp_path, monkeypatch):
    monkeypatch.setattr(tl.Learner, "find_lr", None)  # calling it would fail
    run, _ = train(Job(settings_of(houses, target="price"), run=tmp_path / "run", quiet=True))
    assert run.folder.config["phase"][0]["lr"] == TableData.usual.lr


def test_the_first_phase_decides_whether_the_range_test_is_run(
    small_pictures, tmp_path, monkeypatch
):
    """Killed between config.toml and its first phase, a run begins with the rate it would have."""
    settings, calls = settings_of(small_pictures, "two_conv"), []
    real = tl.Learner.find_lr
    monkeypatch.setattr(tl.Learner, "find_lr", lambda self: calls.append(1) or real(self))
    whole, _ = train(Job(settings, run=tmp_path / "whole", quiet=True))
    folder = tmp_path / "run"

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tilth.flow.phase.Phase._plan", killed)
        with pytest.raises(KeyboardInterrupt):
            train(Job(settings, run=folder, quiet=True))
    assert "phase" not in RunFolder.open(folder).config
    assert len(calls) == 2
    run, _ = resume(folder, quiet=True)
    assert len(calls) == 3
    found, wanted = (one.folder.config["phase"][0]["lr"] for one in (run, whole))
    assert found == wanted


def test_a_script_of_two_phases_is_finished_from_the_command_line(houses, tmp_path, monkeypatch):
    fixed = {"batch_size": 16, "dtype": "float32", "channels_last": False, "device": "cpu"}

    def script(folder):
        learner = tl.Learner(tl.table(houses, "price"), run=folder, quiet=True, **fixed)
        learner.fit(1, lr=0.01)
        learner.fit(2, lr=0.002)
        return learner

    def killed_in_the_second(phase):
        if phase.index == 1:
            raise KeyboardInterrupt
        real(phase)

    whole = script(tmp_path / "whole").model.state_dict()
    real = Phase.fit
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Phase, "fit", killed_in_the_second)
        script(tmp_path / "run")
    run, _ = resume(tmp_path / "run", quiet=True)
    found = run.learner.model.state_dict()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    with pytest.raises(UserError, match="is done"):
        resume(tmp_path / "run")


def test_parts_of_ones_own_are_resumed_by_their_script(houses, tmp_path):
    folder = interrupted(tl.table(houses, "price"), tmp_path / "run", model="tabular_mlp")
    with pytest.raises(UserError, match=r"parts of its own \(hooks StopAt\).*same script again"):
        resume(folder)


def test_fractions_and_a_second_table_come_back_from_the_record(houses, tmp_path):
    second = tmp_path / "second.csv"
    second.write_text("\n".join(houses.read_text().splitlines()[:31]) + "\n")
    options = {"test": second, "fractions": (0.6, 0.2, 0.2)}
    fixed = {"batch_size": 16, "lr": 0.01, "epochs": 1, "device": "cpu", "quiet": True}
    run = tl.Learner(tl.table(houses, "price", **options), run=tmp_path / "run", **fixed).fit()
    again, found = resume(run.path, quiet=True)
    assert found["test_rows"] == 30
    for split in ("train", "valid", "test"):
        before = run.folder.read_record("data")["splits"][split]
        assert again.learner.data.split_record(split)["sha256"] == before["sha256"]


def test_differences_are_in_dotted_names_and_leave_out_what_is_free():
    before, now = {"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1]}, "d": 0}
    assert differences(before, now) == ["a.b: 1 -> 2", "d: (not given) -> 0"]
    assert differences(before, now, ["a.b", "d"]) == []
