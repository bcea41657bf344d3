"""Decoding and metrics of numbers, against scikit-learn and closed forms."""

import functools

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

import tilth as tl
from tilth.contracts import Batch
from tilth.data.dataset import Target
from tilth.errors import UserError
from tilth.tasks import score
from tilth.tasks.regress import regress

PRICE = Target("price", "number", mean=100.0, scale=20.0)


def case():
    """Return a target, encoded targets and the outputs of a net that knows them."""
    targets = torch.randn(60, generator=torch.Generator().manual_seed(0))
    return PRICE, targets, targets[:, None].clone()


CASES = {"number": case}
"""What tests/contracts/test_tasks.py holds this task to."""
INPUTS = np.random.default_rng(0).normal(size=(120, 3))
LEARNER = functools.partial(tl.Learner, tl.arrays(INPUTS, INPUTS[:, 0]), epochs=2, lr=0.01)


def test_numbers_come_back_in_their_own_units():
    task = regress(target=Target("price", "number", mean=100.0, scale=20.0))
    outputs, targets = torch.tensor([[0.0], [1.0], [-2.0]]), torch.tensor([0.5, 1.0, -1.0])
    assert task.decode(outputs).values.tolist() == [100.0, 120.0, 60.0]
    assert task.truths(targets).tolist() == [110.0, 120.0, 80.0]
    found = score(task, outputs, targets)
    assert found["rmse"] == pytest.approx(np.sqrt((100 + 0 + 400) / 3))
    assert found["mae"] == pytest.approx(10.0)
    assert found["r2"] == pytest.approx(theirs.r2_score([110, 120, 80], [100, 120, 60]))


def test_a_range_is_never_left_and_its_loss_is_the_squared_error_within_it():
    task = regress(target=PRICE, low=80.0, high=160.0)
    outputs = torch.tensor([[-100.0], [0.0], [100.0], [1.0]])
    wanted = 80 + 80 / (1 + np.exp(-outputs[:, 0].double().numpy()))
    found = task.decode(outputs).values
    assert np.allclose(found, wanted) and found.min() >= 80 and found.max() <= 160
    targets = PRICE.encode([90.0, 100.0, 150.0, 120.0])
    errors = ((wanted - [90.0, 100.0, 150.0, 120.0]) / 20) ** 2
    assert np.allclose(task.row_losses(outputs, targets), errors, rtol=1e-5)
    loss = task.objective()(torch.nn.Identity(), Batch(outputs, targets, torch.arange(4)), None)
    assert float(loss.parts["loss"].total) == pytest.approx(errors.sum(), rel=1e-5)


def test_a_bundle_keeps_the_range(tmp_path):
    targets = np.clip(INPUTS[:, 0], -0.5, 0.5)
    learn = tl.Learner(
        tl.arrays(INPUTS, targets),
        task="regress",
        task_arguments={"low": -0.5, "high": 0.5},
        run=tmp_path / "run",
        quiet=True,
    )
    predictor = tl.load(learn.fit(3, lr=0.05).export())
    far = [{"x0": 50.0, "x1": 0.0, "x2": 0.0}, {"x0": -50.0, "x1": 0.0, "x2": 0.0}]
    values = [one.value for one in predictor.predict(far)]
    assert max(map(abs, values)) <= 0.5 and values[0] > values[1]


@pytest.mark.parametrize("given", [{"low": 1.0}, {"low": 1.0, "high": 1.0}])
def test_half_a_range_or_an_empty_one_is_told(given):
    with pytest.raises(UserError, match="a range has both ends"):
        regress(target=PRICE, **given)
