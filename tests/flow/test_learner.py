"""The Learner: seeds, resumes, phases, own parts, and that a saved model is the trained one."""

import dataclasses
import hashlib
import os
import re
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tests.stop_at import StopAt
from tilth.contracts import BaseHook
from tilth.errors import NonFiniteLoss, UserError
from tilth.flow.phase import Interrupted
from tilth.tasks._training import outputs as outputs_of


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    pixels = np.round(found.images[:400] * (255 / 16)).astype(np.uint8)
    return tl.arrays(pixels, found.target[:400])


def make(digits, folder, **more):
    settings = {
        "epochs": 2,
        "batch_size": 32,
        "lr": 0.01,
        "dtype": "float32",
        "channels_last": False,
        "device": "cpu",
        "quiet": True,
        **more,
    }
    return tl.Learner(digits, settings.pop("model", "mlp"), run=folder, **settings)


def digest(learner):
    joined = b"".join(p.detach().numpy().tobytes() for p in learner.model.state_dict().values())
    return hashlib.sha256(joined).hexdigest()


def trained(digits, folder, **more):
    learner = make(digits, folder, **more)
    learner.fit()
    return learner


def test_one_seed_gives_one_set_of_weights_and_another_seed_another(digits, tmp_path):
    first = digest(trained(digits, tmp_path / "a"))
    torch.manual_seed(99)  # the caller's stream plays no part
    assert digest(trained(digits, tmp_path / "b")) == first
    assert digest(trained(digits, tmp_path / "c", seed=1)) != first


def test_the_callers_streams_are_left_alone(digits, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    learner = make(digits, tmp_path / "run")
    learner.find_lr()
    learner.fit()
    learner.validate()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("step", [1, 4, 9, 13])
def test_an_interrupted_run_resumes_to_the_same_bits(digits, tmp_path, step):
    whole = digest(trained(digits, tmp_path / "whole"))
    with pytest.raises(Interrupted):
        trained(digits, tmp_path / "cut", hooks=[StopAt(step)])
    again = make(digits, tmp_path / "cut", hooks=[StopAt(-1)])
    run = again.fit(resume=True)
    assert digest(again) == whole
    steps = [line["step"] for line in run.metrics]
    assert steps == sorted(set(steps))


def test_phases_resume_one_by_one(digits, tmp_path):
    def two_phases(folder, *, resume=False, hooks=()):
        learner = make(digits, folder, hooks=list(hooks))
        learner.fit(1, resume=resume)
        learner.fit(2, resume=resume)
        return learner

    def lines(learner):
        return [(line["phase"], line["step"]) for line in learner.current_run.metrics]

    first = two_phases(tmp_path / "whole")
    whole = digest(first)
    learner = make(digits, tmp_path / "cut", hooks=[StopAt(11)])
    with pytest.raises(Interrupted):
        learner.fit(1)
        learner.fit(2)
    assert learner.current_run.folder.status == "unfinished"
    again = two_phases(tmp_path / "cut", resume=True, hooks=[StopAt(-1)])
    assert digest(again) == whole
    assert lines(again) == lines(first)
    assert again.current_run.folder.config["phase"][0]["numerics"]["threads"] >= 1


def test_a_run_does_not_go_on_with_another_split(digits, tmp_path):
    with pytest.raises(Interrupted):
        trained(digits, tmp_path / "run", hooks=[StopAt(3)])
    other = digits.with_splits({**digits.splits, "train": digits.splits["train"][1:]})
    with pytest.raises(UserError, match="the train rows of"):
        make(other, tmp_path / "run", hooks=[StopAt(-1)]).fit(resume=True)


def test_fit_takes_what_the_range_test_found_and_checks_types(digits, tmp_path):
    learner = make(digits, tmp_path / "run", lr=None)
    found = learner.find_lr()
    learner.fit(1, lr=found)
    assert learner.plan.lr == found.suggestion
    with pytest.raises(UserError, match="epochs must be int"):
        learner.fit("3")


def test_a_run_does_not_go_on_with_other_data(digits, tmp_path):
    with pytest.raises(Interrupted):
        trained(digits, tmp_path / "run", hooks=[StopAt(3)])
    found = load_digits()
    other = tl.arrays(np.round(found.images[400:800] * 15).astype(np.uint8), found.target[400:800])
    with pytest.raises(UserError, match="has changed since it began"):
        make(other, tmp_path / "run", hooks=[StopAt(-1)]).fit(resume=True)


def test_existing_run_is_not_overwritten_unasked(digits, tmp_path):
    trained(digits, tmp_path / "run")
    with pytest.raises(UserError, match="holds a run already"):
        trained(digits, tmp_path / "run")
    trained(digits, tmp_path / "run", force=True)


def test_the_bundle_answers_as_the_learner_does(digits, tmp_path):
    learner = trained(digits, tmp_path / "run")
    predictor = tl.load(learner.current_run.export())
    rows = digits.splits["test"]
    outputs = outputs_of(learner.setup(), "test")
    temperature = learner.current_run.audit()["temperature"]["value"]
    wanted = learner.task.decode(outputs.outputs, temperature).values
    pixels = [digits.store.take(torch.tensor([row]))[0].numpy() for row in rows]
    for answer, row in zip(predictor.predict([p[0] for p in pixels]), wanted, strict=True):
        assert list(answer.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-6)


def test_own_module_loss_metric_optimizer_and_hook(digits, tmp_path):
    class Counting(BaseHook):
        steps = 0

        def after_step(self, loop):
            self.steps += 1

    def errors(probabilities, classes):
        return float((probabilities.argmax(1) != classes).sum())

    counting = Counting()
    learner = tl.Learner(
        digits,
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
        loss=nn.MultiMarginLoss(),
        metrics=["accuracy", errors],
        optimizer=lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
        hooks=[counting],
        run=tmp_path / "run",
        epochs=2,
        quiet=True,
        device="cpu",
    )
    learner.fit()
    assert counting.steps == learner.plan.total_steps
    scores = learner.validate()
    rows = len(digits.splits["valid"])
    assert scores["valid/errors"] == pytest.approx((1 - scores["valid/accuracy"]) * rows)
    assert scores["valid/accuracy"] > 0.5


def test_the_first_nan_stops_the_run_and_names_its_rows(digits, tmp_path):
    class Breaks(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.calls = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 0

        def forward(self, inputs):
            self.calls += self.training
            return self.net(inputs) * (float("nan") if self.calls == 7 else 1.0)

    learner = make(digits, tmp_path / "run", model=Breaks())
    with pytest.raises(NonFiniteLoss) as caught:
        learner.fit()
    assert caught.value.step == 6
    assert caught.value.rows == learner.parts().source.order.at(6)[0].tolist()
    assert learner.current_run.folder.status == "failed"
    first, before = (learner.parts().source.order.at(step)[0].tolist()[:8] for step in (6, 5))
    assert (
        f"the loss is nan at step 6, rows {str(first)[:-1]}, ...], after the update of step 5, "
        f"rows {str(before)[:-1]}, ...]"
    ) in learner.current_run.folder.outcome["message"]


def test_misspelt_names_are_told_with_the_likely_one(digits, tmp_path):
    with pytest.raises(UserError, match="did you mean 'epochs'"):
        tl.Learner(digits, epoch=3)
    with pytest.raises(UserError, match="did you mean 'accuracy'"):
        tl.Learner(digits, metrics=["accurcy"])
    with pytest.raises(UserError, match="did you mean 'small_resnet'"):
        tl.Learner(digits, "smal_resnet")
    with pytest.raises(TypeError, match="did you mean 'split_seed'"):
        tl.arrays(np.zeros((4, 8, 8)), [0, 1, 0, 1], splt_seed=3)
    learn = make(digits, tmp_path / "run")
    for name in ("run", "batch_size"):
        with pytest.raises(TypeError, match=rf"where the Learner is made: .*\.\.\., {name}=\.\.\."):
            learn.fit(1, **{name: 3})
    with pytest.raises(TypeError, match=r"leave 'settings' out"):
        learn.fit(1, settings=3)
    with pytest.raises(UserError, match=r"did you mean 'weights' .*safetensors"):
        tl.Learner(digits, "resnet18", model_arguments={"pretrained": True})
    with pytest.raises(AttributeError, match="did you mean 'Learner'"):
        tl.Lerner  # noqa: B018


def test_a_batch_larger_than_the_data_is_refused_with_both_numbers(digits):
    rows = len(digits.splits["train"])
    with pytest.raises(UserError, match=f"batch_size=5000 with {rows} training rows"):
        tl.Learner(digits, batch_size=5000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"clip": -1.0},
        {"schedule": "onecycle"},
        {"label_smoothing": 1.0},
        {"epochs": "three"},
        {"device": "gpu"},
        {"dtype": "float61"},
    ],
)
def test_settings_out_of_range_are_refused_before_anything_starts(digits, wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=str(wrong[name])):
        tl.Learner(digits, **wrong)


def test_best_weights_come_back(digits, tmp_path):
    learner = trained(digits, tmp_path / "run", epochs=6, lr=0.05)
    values = [line["valid/accuracy"] for line in learner.current_run.metrics]
    rows, best = len(learner.data.splits["valid"]), max(values)
    share = (best * rows + 2) / (rows + 4)
    error = (share * (1 - share) / (rows + 4)) ** 0.5
    near = [value for value in values if value >= best - error]
    assert learner.validate()["valid/accuracy"] == near[-1]


@pytest.mark.parametrize(("error", "kept"), [(None, 2), (0.06, 4)])
def test_a_metric_that_knows_its_error_keeps_the_latest_look_within_it(
    digits, tmp_path, error, kept
):
    """Looks at 0.5, 0.9, 0.7, 0.85, 0.6: the second is the best, the fourth close to it."""
    values, asked = iter([0.5, 0.9, 0.7, 0.85, 0.6]), []
    metric = tl.Metric(
        "luck",
        lambda predictions, targets: next(values, 0.0),
        error=error and (lambda value, rows: asked.append(rows) or error),
    )
    learner = trained(digits, tmp_path / "run", epochs=5, metrics=[metric])
    outcome = learner.current_run.folder.outcome
    assert outcome["best_step"] == kept * learner.plan.steps_per_epoch
    assert set(asked) == ({len(learner.data.splits["valid"])} if error else set())


def test_find_lr_puts_everything_back(digits, tmp_path):
    learner = make(digits, tmp_path / "run")
    before = digest(learner)
    found = learner.find_lr()
    assert digest(learner) == before
    assert not (tmp_path / "run").exists()
    assert 1e-6 < found.suggestion < 1
    assert found.low <= found.high
    other = make(digits, tmp_path / "other")
    other.fit(lr=0.01)
    learner.fit(lr=0.01)
    assert digest(learner) == digest(other)


def test_warm_start_takes_the_body_and_leaves_the_head(digits, tmp_path):
    first = trained(digits, tmp_path / "first")
    bundle = first.current_run.export()
    second = make(digits, tmp_path / "second", warm_start=bundle)
    own, new = first.model.state_dict(), second.model.state_dict()
    body = [key for key in own if key.startswith("body.")]
    assert body
    assert all(torch.equal(own[key], new[key]) for key in body)
    assert not torch.equal(own["head.weight"], new["head.weight"])


def test_a_warm_start_that_does_not_fit_names_the_net_of_the_bundle(digits, tmp_path):
    bundle = trained(digits, tmp_path / "first").current_run.export()
    with pytest.raises(UserError, match=r'model="mlp" \(--model mlp\), with channels=1, size=8'):
        make(digits, tmp_path / "second", model="small_resnet", warm_start=bundle)


def test_a_warm_start_in_name_only_is_refused(digits, tmp_path):
    """Weight and bias of the first layer fit: of four layers a quarter, of five less."""
    first = make(digits, tmp_path / "first", model_arguments={"layers": [8]})
    bundle = first.fit(1).export()

    def deeper(*layers):
        asked = {"warm_start": bundle, "model_arguments": {"layers": layers}}
        return make(digits, tmp_path / "second", **asked)

    assert deeper(8, 7, 6, 5).warm_notes[0].startswith("2 of 8 body tensors taken")
    with pytest.raises(UserError, match=r"^2 of 10 body .*; a warm start brings at least 25 %"):
        deeper(8, 7, 6, 5, 4)


@pytest.mark.parametrize("dtype", [None, "float32"])  # measured before the first step, or not
def test_a_run_that_dies_before_its_first_step_ended_has_failed(digits, tmp_path, dtype):
    def broken(outputs, targets):
        raise ValueError("a loss that does not work")

    learner = make(digits, tmp_path / "run", loss=broken, dtype=dtype)
    with pytest.raises(ValueError, match="does not work"):
        learner.fit()
    assert learner.current_run.folder.status == "failed"
    assert learner.current_run.folder.outcome["message"] == "a loss that does not work"


def test_settings_name_the_fields_they_have():
    names = {field.name for field in dataclasses.fields(tl.TrainSettings)}
    assert {"epochs", "lr", "batch_size", "seed", "device", "compile"} <= names


def test_looking_before_and_after_training(digits, tmp_path):
    learner = trained(digits, tmp_path / "run")
    for figure in (digits.show(6), learner.show_results(6)):
        assert len([axis for axis in figure.axes if axis.images]) == 6
    captions = [axis.get_title() for axis in learner.show_results(6).axes[:6]]
    assert all(re.fullmatch(r"true .\nsaid . \d+%", caption) for caption in captions)
    for shown in (digits, learner, learner.current_run):
        assert shown._repr_html_().startswith("<table>")


def test_one_class_and_empty_splits_are_refused(digits):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype(np.uint8)
    with pytest.raises(UserError, match="one class, 3"):
        tl.Learner(tl.arrays(pixels, np.full(40, 3)))
    emptied = digits.with_splits({**digits.splits, "test": digits.splits["test"][:0]})
    with pytest.raises(UserError, match="no rows in test"):
        tl.Learner(emptied)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_weighted_loss_is_cut_only_where_that_changes_nothing(digits, tmp_path, reduction):
    weights = torch.linspace(0.2, 3.0, 10)

    def fit(parts):
        loss = nn.CrossEntropyLoss(weight=weights, reduction=reduction)
        more = {"optimizer": lambda model: torch.optim.SGD(model.parameters(), 0.1), "lr": None}
        folder = tmp_path / f"{parts}"
        learner = make(digits, folder, epochs=1, loss=loss, micro_batches=parts, **more)
        learner.fit()
        return torch.nn.utils.parameters_to_vector(learner.model.parameters())

    if reduction == "mean":  # 1 / the sum of a slice's weights is not 1 / the sum of the batch's
        with pytest.raises(UserError, match=r"micro_batches with a loss that gives a mean.*'none'"):
            fit(2)
        assert not (tmp_path / "2").exists()
        return
    assert torch.allclose(fit(1), fit(2), atol=1e-5)


def test_a_function_that_gives_a_mean_is_not_cut(digits, tmp_path):
    learner = make(
        digits, tmp_path / "run", loss=lambda o, t: F.cross_entropy(o, t), micro_batches=2
    )
    with pytest.raises(UserError, match="one number for a slice of a batch"):
        learner.fit()


def test_the_bundle_of_a_run_is_known_by_its_content_not_by_the_clock(digits, tmp_path):
    run = make(digits, tmp_path / "run", epochs=1).fit()
    run.report()
    bundle = run.export()
    assert run.is_finished
    os.utime(run.path / "audit.json", (2e9, 2e9))  # as a copy or an archive may leave it
    assert run.is_finished
    other = make(digits, tmp_path / "other", epochs=1, seed=1).fit().export()
    shutil.rmtree(bundle)
    shutil.copytree(other, bundle)
    os.utime(bundle, (3e9, 3e9))
    assert not run.is_finished
    assert run.export() == bundle and run.is_finished
    ours, theirs = ((one / "model.safetensors").read_bytes() for one in (bundle, other))
    assert ours != theirs
    shutil.rmtree(bundle)
    assert not run.is_finished
