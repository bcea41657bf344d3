"""Settings that would change nothing are refused, with the rule."""

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tilth.cli._options import settings_from
from tilth.errors import UserError
from tilth.flow.settings import DataSettings, Settings, fill
from tilth.flow.sources import check_data_settings, read


@pytest.fixture(scope="module")
def numbers():
    inputs = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    return tl.arrays(inputs, inputs[:, 0] * 2.5)


@pytest.fixture(scope="module")
def classes():
    inputs = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    return tl.arrays(inputs, np.arange(80) % 3)


class Sliced:
    """Not a hook: it has none of the methods."""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": nn.Linear}, r"the class Linear as the model; .*Fix: Linear\(\.\.\.\)"),
        ({"model": 3}, "model=3; a model is an nn.Module or a name"),
        ({"loss": "mse"}, r"loss='mse'; a loss is a function .*Fix: torch\.nn\.MSELoss\(\)"),
        ({"loss": nn.MSELoss}, "loss=MSELoss; a loss is"),
        ({"hooks": [3]}, r"the hook 3; .*derive a class from tl\.BaseHook"),
        ({"hooks": [tl.BaseHook]}, "the hook BaseHook; a hook is an object"),
        ({"hooks": [Sliced()]}, "the hook <"),
    ],
)
def test_parts_of_the_wrong_kind_are_told_when_the_learner_is_made(classes, given, told):
    with pytest.raises(UserError, match=told):
        tl.Learner(classes, **given)


def test_data_is_what_the_readers_give():
    with pytest.raises(UserError, match=r"a ndarray as the data; .*Fix: tl\.arrays\(inputs"):
        tl.Learner(np.zeros((3, 2)))


def test_a_net_of_another_width_is_told_with_the_shape_of_a_batch(classes, tmp_path):
    learner = tl.Learner(classes, nn.Linear(4, 3), run=tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match=r"cannot take a batch .*is float32 \[2, 3\]"):
        learner.fit(1)
    assert not (tmp_path / "run").exists()


def test_a_metric_that_gives_no_number_is_named(classes, tmp_path):
    def words(predictions, targets):
        return "x"

    learner = tl.Learner(classes, metrics=[words], run=tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match="the metric 'words' gave 'x'; a metric is a function"):
        learner.validate()


def test_augmentation_is_for_pictures(numbers):
    with pytest.raises(UserError, match="augment=False; only pictures are augmented"):
        tl.Learner(numbers, augment=False)


def test_smoothing_is_for_classes_and_the_own_loss_has_its_labels(numbers, classes):
    with pytest.raises(UserError, match=r"label_smoothing=0.1; .* and this is regress"):
        tl.Learner(numbers, label_smoothing=0.1)
    with pytest.raises(UserError, match="a loss of your own gets the labels as they are"):
        tl.Learner(classes, loss=nn.MultiMarginLoss(), label_smoothing=0.1)
    assert tl.Learner(classes, label_smoothing=0.1).plan.label_smoothing == 0.1


def test_a_plan_smooths_one_of_three_classes_or_more_alone():
    stream = np.random.default_rng(0)
    pixels = stream.integers(0, 255, (60, 8, 8), dtype=np.uint8)

    def smoothing(targets, **more):
        return tl.Learner(tl.arrays(pixels, targets, **more)).plan.label_smoothing

    assert smoothing(np.arange(60) % 3) == 0.1 and smoothing(np.arange(60) % 2) == 0.0
    assert smoothing(stream.integers(0, 2, (60, 3)), task="multilabel") == 0.0


def test_an_own_optimizer_brings_its_own_rate_and_decay(classes, tmp_path):
    def descent(model):
        return torch.optim.SGD(model.parameters(), lr=0.125, weight_decay=0.5)

    for wrong in ({"lr": 0.1}, {"weight_decay": 0.1}):
        with pytest.raises(UserError, match="an optimizer of your own brings its own"):
            tl.Learner(classes, optimizer=descent, **wrong)
    learner = tl.Learner(classes, optimizer=descent, run=tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match="brings its own lr"):
        learner.fit(1, lr=0.1)
    learner = tl.Learner(classes, optimizer=descent, run=tmp_path / "run", quiet=True)
    run = learner.fit(1)
    (plan,) = run.folder.config["phase"]
    assert (plan["lr"], plan["weight_decay"]) == (0.125, 0.5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"size": 8}, "size=8 for .*a table; size is a setting of pictures"),
        ({"grey": True}, "grey=True for .*a setting of pictures"),
        ({"resident": True}, "resident=True"),
        ({"task": "clasify"}, "did you mean 'classify'"),
        ({"fixes": ("label",)}, "did you mean 'labels'"),
        ({"test": "no/such.csv"}, "test='no/such.csv'"),
        ({"fractions": (0.5, 0.2, 0.2)}, "must sum to 1"),
        ({"max_bad": 2.0}, "max_bad is a share"),
        ({"target": None}, "no target was named"),
    ],
)
def test_data_settings_of_a_table_are_checked_before_it_is_read(tmp_path, given, told):
    path = tmp_path / "houses.csv"
    path.write_text("rooms,price\n1,2\n")
    with pytest.raises(UserError, match=told):
        check_data_settings(DataSettings(**{"path": str(path), "target": "price", **given}))


@pytest.mark.parametrize("given", [{"group": "x"}, {"columns": {"x": "drop"}}, {"test": "x"}])
def test_settings_of_tables_are_refused_for_pictures(tmp_path, given):
    (tmp_path / "cats").mkdir()
    ((name, _),) = given.items()
    told = f"{name}=.*a folder of pictures; {name} is a setting of tables"
    with pytest.raises(UserError, match=told):
        check_data_settings(DataSettings(path=str(tmp_path), **given))


def sized(path, text):
    return settings_from(path, {"size": text}).data


def test_how_pictures_are_brought_to_a_size_can_be_said(tmp_path):
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(12):
            wide, shade = (40, 10) if number % 2 else (10, 40), 9 * number + 100 * (label == "b")
            Image.new("L", wide, shade).save(tmp_path / "set" / label / f"{number}.png")
    path = str(tmp_path / "set")
    data = tl.images(path, size=8)
    assert data.preprocessor.fit == "crop"
    assert 'fit="pad"' in " ".join(data.notes)
    assert tl.images(path, size=8, fit="pad").preprocessor.fit == "pad"
    asked = Settings(DataSettings(path=path, size=8)).change("data.fit", "squash").data
    assert read(asked).preprocessor.fit == "squash"
    assert read(asked).origin["fit"] == "squash"
    for asked in (DataSettings(path=path, size=(8, 12)), sized(path, "8,12")):
        data = read(asked)
        assert data.model_arguments()["size"] == [8, 12]
        assert fill(DataSettings, data.origin).size == (8, 12)
    assert sized(path, "8").size == 8
    with pytest.raises(UserError, match=r"size=\(8, 2\); size is one number or"):
        check_data_settings(sized(path, "8,2"))
    with pytest.raises(UserError, match="size has 3 values"):
        sized(path, "8,8,3")
    with pytest.raises(UserError, match="unknown fit 'pudding'"):
        check_data_settings(DataSettings(path=path, fit="pudding"))


@pytest.mark.parametrize(
    ("kind", "net", "told"),
    [
        ("classes", nn.Linear(3, 5), "gives 5 numbers a row; 3 classes need 3, .* gives .2, 3"),
        ("numbers", nn.Linear(3, 4), "gives 4 numbers a row; a number needs 1"),
        ("own", nn.Linear(3, 1), "gives 1 number a row; 2 classes need 2"),
        ("classes", nn.Sequential(nn.Linear(3, 3), nn.Flatten(0)), r"the shape \[6\] for 2 rows"),
    ],
)
def test_a_net_that_gives_too_much_or_too_little_is_refused_before_anything(
    request, tmp_path, kind, net, told
):
    if kind == "own":
        items = torch.utils.data.TensorDataset(torch.randn(80, 3), torch.arange(80) % 2)
        data = tl.dataset(items)
    else:
        data = request.getfixturevalue(kind)
    before = torch.get_rng_state()
    learner = tl.Learner(data, net, run=tmp_path / "run", quiet=True, epochs=1)
    for attempt in (learner.fit, learner.find_lr):
        with pytest.raises(UserError, match=told):
            attempt()
    assert not (tmp_path / "run").exists()
    assert torch.equal(torch.get_rng_state(), before) and net.training


def test_the_look_at_the_outputs_leaves_the_net_as_it_was(numbers):
    net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learner = tl.Learner(numbers, net, quiet=True)
    learner._check()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
