"""Freezing: which parameters take gradients, and which modules rest."""

import pytest
from torch import nn

from tilth.errors import UserError
from tilth.models.small_resnet import small_resnet
from tilth.nn.frozen import Frozen
from tilth.nn.layer_groups import group_parameters, layer_groups


def net():
    return small_resnet(channels=1, size=28, outputs=3, width=8)


def taking(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_first_groups_take_no_gradient_and_the_others_do(count):
    model = net()
    Frozen(model).hold(count)
    groups = group_parameters(layer_groups(model))
    for place, group in enumerate(groups):
        assert {p.requires_grad for p in group} == {place >= count}


def test_what_was_frozen_by_hand_stays_so():
    model = net()
    model.body[0].bias.requires_grad_(False)
    before = taking(model)
    frozen = Frozen(model)
    frozen.hold(3)
    assert taking(model) == {"head.weight", "head.bias"}
    frozen.hold(1)
    frozen.hold(0)
    assert taking(model) == before


def test_a_part_rests_where_nothing_in_it_learns():
    model = net()
    frozen = Frozen(model)
    frozen.hold(2)
    resting = set(frozen.modules)
    assert {model.body[0], model.body[2], model.body[3]} <= resting
    assert not {model, model.body, model.body[4], model.head} & resting  # they hold what learns
    frozen.hold(3)
    assert model.body in set(frozen.modules)
    assert model not in set(frozen.modules)


def test_something_has_to_learn():
    with pytest.raises(UserError, match="4 of the 4 layer groups"):
        Frozen(net()).hold(4)
    with pytest.raises(UserError, match="Linear has one layer group"):
        Frozen(nn.Linear(2, 2)).hold(1)
