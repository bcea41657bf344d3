"""Decoding and metrics of numbers, against scikit-learn and closed forms."""

import functools

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

import tilth as tl
from tilth.data.dataset import Target
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
