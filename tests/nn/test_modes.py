"""Modes are given back to every part, whatever happens."""

import pytest
from torch import nn

from tilth.nn.modes import modes_kept


def test_every_part_gets_its_own_mode_back_after_an_error():
    model = nn.Sequential(nn.Dropout().eval(), nn.Sequential(nn.Dropout(), nn.ReLU()).train())
    with pytest.raises(ZeroDivisionError), modes_kept(model):
        model.eval()
        assert not any(module.training for module in model.modules())
        raise ZeroDivisionError
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
