"""Arrays: a network of one's own gets a plain tensor, a named one what tables give."""

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tilth.data.array_table import array_table
from tilth.errors import UserError
from tilth.tasks._training import outputs


def net(columns, outputs=2):
    return nn.Sequential(nn.Linear(columns, 8), nn.ReLU(), nn.Linear(8, outputs))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, bool])
def test_a_plain_linear_net_trains_and_answers(tmp_path, kind):
    normal = np.random.default_rng(0).normal(size=(200, 4))
    inputs = normal > 0 if kind is bool else (3 * normal).astype(kind)
    targets = inputs[:, 0] > 0
    learner = tl.Learner(
        tl.arrays(inputs, targets), net(4), run=tmp_path / "run", quiet=True, dtype="float32"
    )
    run = learner.fit(3, lr=0.05)
    assert learner.validate()["valid/accuracy"] > 0.9
    predictor = tl.load(run.export(), plugins=[net(4)])
    (row, *_) = learner.data.splits["valid"].tolist()
    temperature = run.audit()["temperature"]["value"]
    wanted = learner.task.decode(outputs(learner.setup(), "valid").outputs, temperature).values[0]
    answer = predictor.predict({f"x{i}": inputs[row, i].item() for i in range(4)})
    assert list(answer.probabilities.values()) == pytest.approx(wanted.tolist(), abs=1e-5)


def test_each_column_is_standardised_in_its_place():
    """Against NumPy: gaps get the training median, a column that never varies becomes 0."""
    stream = np.random.default_rng(1)
    inputs = stream.normal(5, 3, size=(300, 4))
    inputs[:, 1] = 7.0
    inputs[:, 2] = inputs[:, 2] > 5
    inputs[10:80, 3] = np.nan
    data = array_table(inputs, np.arange(300) % 2).plain()
    train = data.splits["train"]
    filled = np.where(np.isnan(inputs), np.nanmedian(inputs[train], axis=0), inputs)
    spread = filled[train].std(axis=0)
    wanted = (filled - filled[train].mean(axis=0)) / np.where(spread == 0, 1, spread)
    wanted[:, 1] = 0
    rows = torch.arange(300)
    found = data.prepare(train=True)(data.store.take(rows), rows, 0)
    assert found.shape == (300, 4)
    assert np.allclose(found, wanted, atol=1e-5)
    assert torch.equal(found, data.preprocessor(inputs))
    again = type(data.preprocessor).from_config(data.preprocessor.to_config())
    assert torch.equal(found, again(torch.from_numpy(inputs)))


def test_new_splits_keep_the_plain_tensor():
    data = array_table(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2).plain()
    rows = torch.arange(5)
    other = data.with_splits(data.splits)
    assert other.prepare(train=False)(other.store.take(rows), rows, 0).shape == (5, 3)


def test_named_models_and_baselines_see_a_table(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(120, 3))
    learner = tl.Learner(tl.arrays(inputs, inputs[:, 0] > 0), run=tmp_path / "run", quiet=True)
    assert learner.architecture["name"] == "tabular_mlp"
    assert learner.data.model_arguments() == {"num_numbers": 3, "cardinalities": []}


def test_words_in_an_array_stay_categories():
    words = np.array([["red", "big"], ["blue", "small"]] * 40, dtype=object)
    data = array_table(words, np.arange(80) % 2)
    assert data.model_arguments()["cardinalities"] == [3, 3]


def test_rows_without_a_target_are_set_aside_and_said():
    targets = np.random.default_rng(0).normal(size=100)
    targets[:3] = np.nan
    inputs = np.random.default_rng(1).normal(size=(100, 2))
    with pytest.raises(UserError, match=r"max_bad=0\.03"):
        tl.arrays(inputs, targets)
    data = tl.arrays(inputs, targets, max_bad=0.03)
    assert len(data.bad_items) == 3 and "3 items set aside" in repr(data)


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(UserError, match=r"shape \(4, 0\); there must be a column"):
        array_table(np.zeros((4, 0)), [0, 1, 0, 1])
    with pytest.raises(UserError, match="5 rows and 4 targets"):
        array_table(np.zeros((5, 2)), [0, 1, 0, 1])
    with pytest.raises(UserError, match=r"an array of shape \(5,\)"):
        array_table(np.zeros(5), [0, 1, 0, 1, 1])


@pytest.mark.parametrize("shape", [(60, 3), (60, 8, 8)])
def test_tensors_that_take_gradients_are_data_too(shape):
    inputs = torch.rand(shape, requires_grad=True)
    plain = tl.arrays(inputs.detach().numpy(), np.arange(60) % 2)
    assert tl.arrays(inputs, torch.arange(60) % 2).fingerprint() == plain.fingerprint()


def test_plain_rows_go_back_to_the_array_they_came_from():
    inputs = np.random.default_rng(2).normal([5, -3, 100], [1, 10, 0.1], size=(60, 3))
    encoder = array_table(inputs, np.arange(60) % 2).plain().preprocessor
    assert np.allclose(encoder.restored(encoder(inputs)), inputs, rtol=1e-5)
    inputs[:, 1] = 7.0
    flat = array_table(inputs, np.arange(60) % 2).plain().preprocessor
    with pytest.raises(UserError, match="never vary: x1"):
        flat.restored(flat(inputs))
