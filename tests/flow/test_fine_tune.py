"""Transfer through the flow: freezing, rates by depth, fine-tuning in phases, and its resumes."""

import hashlib

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tests.stop_at import StopAt
from tilth.errors import UserError
from tilth.flow.fine_tune import stages
from tilth.flow.phase import Interrupted
from tilth.flow.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tilth.flow.train import Job, resume, train
from tilth.nn.layer_groups import group_parameters, layer_groups
from tilth.ship.bundle import save_bundle
from tilth.train.progress import Progress

PIXELS = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
LABELS = load_digits().target
SHARED = {"dtype": "float32", "channels_last": False, "device": "cpu", "quiet": True}
NET = {"width": 8}


def digits(low, pixels=PIXELS, rows=160):
    chosen = np.flatnonzero((LABELS < 5) == low)[:rows]
    return tl.arrays(pixels[chosen], LABELS[chosen])


def save(learner, folder):
    """Write a bundle without looking at what was trained."""
    return save_bundle(
        folder,
        model=learner.model,
        architecture=learner.architecture,
        preprocessor=learner.data.preprocessor,
        target=learner.data.target,
        task="classify",
        temperature=1.0,
        card={"name": "digits"},
    )


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    folder = tmp_path_factory.mktemp("low")
    learn = tl.Learner(digits(True), model_arguments=NET, run=folder / "run", epochs=2, **SHARED)
    learn.fit()
    return save(learn, folder / "body")


def make(body, folder, **more):
    return tl.Learner(digits(False), warm_start=body, run=folder, batch_size=32, **SHARED, **more)


def digest(learner):
    joined = b"".join(p.detach().numpy().tobytes() for p in learner.model.state_dict().values())
    return hashlib.sha256(joined).hexdigest()


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_stages_are_those_of_fastai_and_of_ulmfit():
    head, rest = stages(5, freeze_epochs=2, groups=4, lr=2e-3)
    assert (head.epochs, head.frozen, head.lr) == (2, 3, 2e-3)
    assert (rest.epochs, rest.frozen) == (5, 0)
    assert rest.lr == pytest.approx((2e-3 / 2 / 100, 2e-3 / 2))
    more = stages(5, freeze_epochs=1, groups=4, lr=2e-3, gradual=True)
    assert [(one.epochs, one.frozen) for one in more] == [(1, 3), (1, 2), (1, 1), (5, 0)]


def test_what_is_frozen_is_the_same_to_the_bit_after_a_fit(body, tmp_path):
    learn = make(body, tmp_path / "run")
    learn.freeze()
    before = state(learn.model)
    run = learn.fit(1)
    changed = {n for n, value in learn.model.state_dict().items() if not value.equal(before[n])}
    assert changed == {"head.weight", "head.bias"}
    assert any("running_mean" in name for name in before)
    assert run.folder.config["phase"][0]["frozen"] == len(layer_groups(learn.model)) - 1
    learn.unfreeze()
    run = learn.fit(1)
    kept = [n for n, value in learn.model.state_dict().items() if value.equal(before[n])]
    assert kept == []
    assert run.folder.config["phase"][1]["frozen"] == 0


def test_freeze_to_counts_groups_from_either_end(body, tmp_path):
    learn = make(body, tmp_path / "run")
    groups = group_parameters(layer_groups(learn.model))
    learn.freeze_to(1)
    assert [{p.requires_grad for p in group} for group in groups] == [{False}] + [{True}] * (
        len(groups) - 1
    )
    learn.freeze_to(-1)
    assert [{p.requires_grad for p in group} for group in groups][-2:] == [{False}, {True}]
    assert learn.describe()["frozen"] == f"{len(groups) - 1} of the layer groups"
    with pytest.raises(UserError, match="layer groups of small_resnet frozen"):
        learn.freeze_to(len(groups))


def test_rates_by_depth_reach_the_optimizer(body, tmp_path):
    learn = make(body, tmp_path / "run", lr=slice(1e-4, 1e-2))
    number = len(layer_groups(learn.model))
    assert learn.plan.rates == pytest.approx(np.geomspace(1e-4, 1e-2, number).tolist())
    found = learn.parts().players["model"].optimizer.param_groups
    assert sorted({group["lr"] for group in found}) == pytest.approx(learn.plan.rates)
    run = learn.fit(1, lr=slice(9e-3))
    assert run.folder.config["phase"][0]["rates"] == pytest.approx([3e-3] * (number - 1) + [9e-3])
    assert run.folder.config["phase"][0]["lr"] == 9e-3


def test_one_rate_for_all_groups_is_the_usual_optimizer(body, tmp_path):
    one = make(body, tmp_path / "one")
    one.fit(1, lr=0.01)
    layers = make(body, tmp_path / "layers")
    layers.fit(1, lr=slice(0.01, 0.01))
    for left, right in zip(one.model.parameters(), layers.model.parameters(), strict=True):
        assert torch.allclose(left, right, rtol=1e-4, atol=1e-6)


def test_a_range_test_reads_the_heads_rate(body, tmp_path):
    learn = make(body, tmp_path / "run", lr=slice(1e-4, 1e-2))
    found = learn.find_lr()
    assert found.rates[0] == pytest.approx(1e-6)
    assert found.rates[-1] <= 1.0 + 1e-6


STOPS = {"head": 2, "between": 3, "everything": 7}  # steps; the phases have 4, 4 and 8


@pytest.mark.parametrize("step", STOPS.values(), ids=STOPS)
def test_killed_in_any_phase_it_resumes_to_the_same_bits(body, tmp_path, step):
    def tune(folder, hook, *, going_on=False):
        learn = make(body, folder, hooks=[hook])
        learn.fine_tune(2, lr=0.01, gradual=True, resume=going_on)
        return learn

    whole = tune(tmp_path / "whole", StopAt(-1))
    plans = whole.current_run.folder.config["phase"]
    assert [plan["total_steps"] for plan in plans] == [4, 4, 4, 8][-len(plans) :]
    stop = StopAt(step)
    stop.after_step = only_in(stop, plans, step)
    with pytest.raises(Interrupted):
        tune(tmp_path / "cut", stop)
    again = tune(tmp_path / "cut", StopAt(-1), going_on=True)
    assert digest(again) == digest(whole)
    assert again.current_run.folder.config["phase"] == plans
    lines = [(line["phase"], line["step"]) for line in again.current_run.metrics]
    assert lines == [(line["phase"], line["step"]) for line in whole.current_run.metrics]


def only_in(hook, plans, step):
    """Stop where it was meant: in the second phase for 3, which the first one passes too."""
    seen = []

    def after_step(loop):
        if loop.step == 1:
            seen.append(loop)
        if loop.step == step and (step != STOPS["between"] or len(seen) == 2):
            loop.stop("interrupted")

    return after_step


def test_a_command_that_was_stopped_in_the_head_goes_on_to_the_last_phase(
    body, tmp_path, monkeypatch
):
    folder = tmp_path / "digits"
    pictures(folder)
    settings = Settings(
        DataSettings(path=str(folder)),
        ModelSettings(warm_start=str(body)),
        TrainSettings(epochs=1, freeze_epochs=1, batch_size=16, dtype="float32", device="cpu"),
    )
    seen = Progress.after_step

    def stopped(self, loop):
        seen(self, loop)
        if loop.step == 2:
            loop.stop("interrupted")

    monkeypatch.setattr(Progress, "after_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(Job(settings, run=tmp_path / "run", quiet=True))
    monkeypatch.setattr(Progress, "after_step", seen)
    run, _ = resume(tmp_path / "run", quiet=True)
    frozen = [plan["frozen"] for plan in run.folder.config["phase"]]
    assert len(frozen) == 2
    assert frozen[0] > 0
    assert frozen[1] == 0
    assert "freeze_epochs = 1" in (tmp_path / "run" / "config.toml").read_text()


def pictures(folder):
    for label in (7, 8):
        (folder / str(label)).mkdir(parents=True)
        for number, row in enumerate(np.flatnonzero(label == LABELS)[:40]):
            Image.fromarray(PIXELS[row]).save(folder / str(label) / f"{number}.png")


def test_the_statistics_of_the_body_go_with_it(body, tmp_path):
    light = np.clip(PIXELS.astype(int) + 100, 0, 255).astype(np.uint8)
    own = digits(False, light)
    first = tl.load(body)._preprocessor
    learn = tl.Learner(own, warm_start=body, run=tmp_path / "run", **SHARED)
    assert own.preprocessor.mean[0] > first.mean[0] + 50
    assert learn.data.preprocessor.mean == first.mean
    assert learn.data.preprocessor.std == first.std
    assert any(note.startswith("pictures are normalised as those of") for note in learn.warm_notes)
    expected = (own.pictures.take(torch.tensor([0]))[0].float() - first.mean[0]) / first.std[0]
    given = learn.data.prepare(train=False)(own.pictures.take(torch.tensor([0])), None, 0)[0]
    assert torch.allclose(given, expected, atol=1e-5)


def in_colour(pixels):
    return np.stack([pixels, pixels // 2, pixels // 4], axis=3)


def test_grey_pictures_get_the_mean_over_the_colours_of_the_body(tmp_path):
    colour = tl.Learner(digits(True, in_colour(PIXELS)), model_arguments=NET, **SHARED)
    bundle = save(colour, tmp_path / "body")
    learn = tl.Learner(digits(False), "small_resnet", warm_start=bundle, **SHARED)
    first, ready = colour.data.preprocessor, learn.data.preprocessor
    assert ready.mean == pytest.approx([np.mean(first.mean)])
    assert ready.std == pytest.approx([np.mean(first.std)])
    assert f"normalised as those of {bundle}: mean {ready.mean[0]:.4g}" in learn.warm_notes[-1]
    assert learn.warm_notes[1].startswith("left at their first values: body.0.weight")


def test_grey_pictures_begin_from_a_colour_body_of_the_usual_width(tmp_path):
    """The usual net of grey pictures is narrower: with it nothing of the body would fit."""
    colour = tl.Learner(digits(True, in_colour(PIXELS)), **SHARED)
    bundle = save(colour, tmp_path / "body")
    learn = make(bundle, tmp_path / "run", freeze_epochs=1)
    assert "width" not in learn.architecture["arguments"]
    first = "left at their first values: body.0.weight"
    assert [note for note in learn.warm_notes if note.startswith("left")] == [first]
    own, before = learn.model.state_dict(), colour.model.state_dict()
    taken = [name for name in own if not name.startswith("head.") and name != "body.0.weight"]
    assert taken and all(torch.equal(own[name], before[name]) for name in taken)
    run = learn.fit(1)
    assert len(run.metrics) == 2
    assert tl.Learner(digits(False), **SHARED).architecture["arguments"]["width"] == 32


def test_colour_pictures_on_a_body_of_grey_ones_keep_their_own_and_it_is_said(body):
    own = digits(False, in_colour(PIXELS))
    learn = tl.Learner(own, warm_start=body, **SHARED)
    assert learn.data.preprocessor.mean == own.preprocessor.mean
    (told,) = (note for note in learn.warm_notes if "normalised" in note)
    assert told.startswith("pictures are normalised by their own statistics: those of ")
    assert told.endswith("have 1 channel, these 3")
    assert any("first values: body.0.weight" in note for note in learn.warm_notes)


def test_statistics_are_brought_to_the_units_of_the_new_pictures(body, tmp_path):
    first = tl.load(body)._preprocessor
    floats = digits(False, (PIXELS / 127.5 - 1).astype(np.float32))
    low, high = floats.preprocessor.value_range
    learn = tl.Learner(floats, warm_start=body, run=tmp_path / "run", **SHARED)
    assert (low, high) == (-1.0, 1.0)
    assert learn.data.preprocessor.mean == pytest.approx([first.mean[0] / 127.5 - 1])
    assert learn.data.preprocessor.std == pytest.approx([first.std[0] / 127.5])


def test_weights_of_a_backbone_bring_their_statistics(tmp_path):
    torch.manual_seed(0)
    net = timm.create_model("test_resnet", num_classes=0)
    save_file(net.state_dict(), tmp_path / "body.safetensors")
    arguments = {"backbone": "test_resnet", "weights": str(tmp_path / "body.safetensors")}
    colour = tl.arrays(np.repeat(PIXELS[:100, :, :, None], 3, axis=3), LABELS[:100])
    wanted = timm.get_pretrained_cfg("test_resnet")
    learn = tl.Learner(colour, "timm_backbone", model_arguments=arguments, quiet=True)
    assert learn.data.preprocessor.mean == pytest.approx([255 * one for one in wanted.mean])
    assert learn.data.preprocessor.std == pytest.approx([255 * one for one in wanted.std])
    grey = tl.Learner(digits(False), "timm_backbone", model_arguments=arguments, quiet=True)
    assert grey.data.preprocessor.mean == pytest.approx([255 * sum(wanted.mean) / 3])


def test_a_body_of_small_pictures_goes_on_with_large_ones(body, tmp_path):
    large = np.repeat(np.repeat(PIXELS, 4, axis=1), 4, axis=2)
    learn = tl.Learner(digits(True, large), warm_start=body, run=tmp_path / "run", **SHARED)
    alone = tl.Learner(digits(True, large), model_arguments=NET, run=tmp_path / "new", **SHARED)
    small = tl.load(body)._model
    given = learn.architecture["arguments"]
    assert (given["size"], given["trained_size"], given["width"]) == (32, 8, 8)
    taken = {n: v for n, v in small.state_dict().items() if n.startswith("body.")}
    for name, value in taken.items():
        assert torch.equal(learn.model.state_dict()[name], value)
    assert len(alone.model.state_dict()) > len(learn.model.state_dict())
    learn.fit(1)
    again = tl.load(save(learn, tmp_path / "body"))
    assert again._model.state_dict().keys() == learn.model.state_dict().keys()
    third = tl.Learner(digits(True), warm_start=tmp_path / "body", run=tmp_path / "back", **SHARED)
    assert "trained_size" not in third.architecture["arguments"]  # as it began


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": slice(0.1, 0.01)}, "lr from 0.1 to 0.01"),
        ({"lr": slice(None)}, "slice\\(last\\)"),
        ({"lr": (0.1, 0.2, 0.3)}, "that of the first layers and of the head"),
        ({"lr": slice(0.0, 0.1)}, "lr must be above 0"),
        ({"gradual": True}, "gradual=True; groups are unfrozen one by one"),
        ({"freeze_epochs": 1, "frozen": 1}, "frozen=1; fine-tuning says itself"),
        ({"freeze_epochs": 1, "lr": slice(0.1, 0.2)}, "makes the rates of all layers from one"),
        ({"freeze_epochs": 0}, "freeze_epochs must be at least 1"),
        ({"frozen": 9}, "9 of the . layer groups of small_resnet"),
    ],
)
def test_what_means_nothing_is_refused(body, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        make(body, tmp_path / "run", **settings)


def test_an_optimizer_of_ones_own_brings_its_own_rates(body, tmp_path):
    def sgd(model):
        return torch.optim.SGD(model.parameters(), 0.1)

    for settings in ({"lr": slice(0.1, 0.2)}, {"freeze_epochs": 1}):
        with pytest.raises(UserError, match=r"an optimizer .*brings its own"):
            make(body, tmp_path / "run", optimizer=sgd, **settings)


def test_a_model_of_one_group_has_nothing_to_freeze(tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    learn = tl.Learner(digits(True), net, run=tmp_path / "run", **SHARED)
    for wrong in (learn.freeze, learn.fine_tune, lambda: learn.fit(1, lr=slice(0.1, 0.2))):
        with pytest.raises(UserError, match="Sequential has one layer group"):
            wrong()
    assert not (tmp_path / "run").exists()


def test_first_values_are_not_worth_holding_still(tmp_path):
    learn = tl.Learner(digits(True), model_arguments=NET, run=tmp_path / "run", **SHARED)
    with pytest.raises(UserError, match="fine-tuning of small_resnet at its first values"):
        learn.fine_tune(1)
    assert not (tmp_path / "run").exists()
    with pytest.warns(UserWarning, match="freezing of small_resnet at its first values"):
        learn.freeze()


def test_groups_are_for_one_player_on_rows():
    points = tl.arrays(np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32))
    with pytest.raises(UserError, match="frozen=1; layers are grouped where one player"):
        tl.Learner(points, task="generate", frozen=1)
