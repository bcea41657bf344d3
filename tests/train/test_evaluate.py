"""Evaluation leaves the model as it found it."""

import pytest
import torch
from torch import nn

from tilth.contracts import Batch
from tilth.train.evaluate import evaluate
from tilth.train.numerics import Numerics


def test_each_module_gets_its_own_mode_back_also_after_a_failure():
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.BatchNorm1d(2))
    model[2].eval()
    batch = Batch(torch.ones(4, 3), torch.zeros(4), torch.arange(4))
    cpu = torch.device("cpu")
    found = evaluate(model, [batch, batch], numerics=Numerics(), device=cpu)
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert torch.equal(found.outputs, model.eval()(torch.ones(8, 3)))
    model.train()[2].eval()
    with pytest.raises(RuntimeError):
        evaluate(model, [batch._replace(inputs=torch.ones(4, 5))], numerics=Numerics(), device=cpu)
    assert [module.training for module in model.modules()] == [True, True, True, False]
