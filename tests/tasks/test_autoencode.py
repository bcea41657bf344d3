"""Rows to a few numbers and back, as a task."""

import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

import tilth as tl
from tilth.errors import UserError
from tilth.tasks._reconstructing import batches


def digits():
    found = load_digits()
    pixels = np.round(found.images[:300] * (255 / 16)).astype(np.uint8)
    return tl.arrays(pixels, found.target[:300])


LEARNER = functools.partial(
    tl.Learner, digits(), task="autoencode", epochs=1, model_arguments={"latents": 4}
)


def split(learner, name):
    return torch.cat(list(batches(learner.setup(), name))).flatten(1).double().numpy()


def test_inputs_are_pixels_from_black_to_white_without_augmentation():
    learner = LEARNER(quiet=True)
    rows = torch.from_numpy(learner.data.splits["train"])
    found = split(learner, "train")
    raw = learner.data.store.take(rows).flatten(1).numpy() / 255
    assert np.allclose(found, raw, atol=1e-6)
    assert learner.plan.augment is False


def test_a_linear_net_stays_above_what_principal_components_leave(tmp_path):
    """Eckart and Young 1936: no linear map to as few numbers leaves a smaller error on train."""
    given = {"latents": 4, "layers": ()}
    learner = LEARNER(
        quiet=True, epochs=150, lr=0.02, batch_size=70, model_arguments=given, run=tmp_path / "run"
    )
    run = learner.fit()
    train, test = split(learner, "train"), split(learner, "test")
    fitted = PCA(4, random_state=0).fit(train)
    left, simple = (
        ((fitted.inverse_transform(fitted.transform(rows)) - rows) ** 2).mean()
        for rows in (train, test)
    )
    assert left < learner.validate("train")["train/mse"] < 1.2 * left
    (pca,) = run.audit()["baselines"]
    assert pca["metrics"]["mse"]["value"] == pytest.approx(simple, rel=1e-6)


def test_the_measure_is_the_mean_squared_error_of_what_comes_back():
    learner = LEARNER(quiet=True)
    test = split(learner, "test").astype(np.float32)
    with torch.no_grad():
        back = learner.model.eval()(torch.from_numpy(test).reshape(-1, 1, 8, 8)).flatten(1).numpy()
    assert learner.validate("test")["test/mse"] == pytest.approx(((back - test) ** 2).mean(), 1e-5)


def test_corrupted_rows_are_judged_against_clean_ones():
    learner = LEARNER(quiet=True, task_arguments={"corruption": 0.5})
    learner.model.forward = lambda rows: rows  # gives back what it sees: the noise remains
    assert learner.validate("test")["test/mse"] == pytest.approx(0.25, rel=0.1)


class Narrow(nn.Sequential):
    """Takes rows of five numbers."""

    def encode(self, inputs):
        return inputs

    decode = encode


def test_tables_of_columns_and_own_losses_are_refused():
    inputs = np.random.default_rng(0).normal(size=(80, 3))
    words = np.array([["a", "b"], ["b", "a"]] * 40, dtype=object)
    with pytest.raises(UserError, match="an array of numbers"):
        tl.Learner(tl.arrays(words, inputs[:, 0]), task="autoencode", quiet=True)
    learner = tl.Learner(
        tl.arrays(inputs, inputs[:, 0]), task="autoencode", loss=torch.nn.MSELoss(), quiet=True
    )
    with pytest.raises(UserError, match="leave loss out"):
        learner.parts()
    narrow = tl.Learner(digits(), Narrow(nn.Flatten(), nn.Linear(5, 5)), task="autoencode")
    with pytest.raises(UserError, match=r"cannot take a batch .*is float32 \[2, "):
        narrow._check()
    with pytest.raises(UserError, match="encode and decode"):
        tl.Learner(digits(), torch.nn.Flatten(), task="autoencode", quiet=True)._check()


def test_a_codec_gives_what_the_model_gives(tmp_path):
    run = LEARNER(quiet=True, run=tmp_path / "run").fit()
    codec = tl.load(run.export())
    pixels = np.round(load_digits().images[:5] * (255 / 16)).astype(np.uint8)
    rows = torch.from_numpy(pixels[:, None] / 255).float()
    with torch.no_grad():
        codes = run.learner.model.eval().encode(rows)
    torch.testing.assert_close(codec.encode(list(pixels)), codes, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(codec.reconstruct(list(pixels)), codec.decode(codes))
    with pytest.raises(UserError, match="a prior"):
        codec.sample(3)


def test_rows_of_many_numbers_are_seen_less_often_by_default():
    shades = np.random.default_rng(0).integers(0, 256, (60, 96, 96), dtype=np.uint8)
    given = {"task": "autoencode", "model_arguments": {"layers": ()}, "quiet": True}
    found = []
    for side in (28, 40, 96):
        learner = tl.Learner(tl.arrays(shades[:, :side, :side]), **given)
        found.append(learner.task.usual(learner.data).samples)
    assert found == [1_000_000, 640_000, 300_000]
