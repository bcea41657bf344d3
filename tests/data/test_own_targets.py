"""Targets of the user's own items: what they are, and every mistake told."""

import numpy as np
import pytest
import torch

from tilth.data.own_targets import item_target, own_targets
from tilth.errors import UserError

ALL = np.arange(4)


@pytest.mark.parametrize(
    "values, labels, encoded",
    [
        ([10, 9, 10, 2], ("2", "9", "10"), [2, 1, 2, 0]),
        (["b", "a", "b", "c"], ("a", "b", "c"), [1, 0, 1, 2]),
        ([True, False, True, True], ("False", "True"), [1, 0, 1, 1]),
    ],
)
def test_whole_numbers_and_texts_are_classes(values, labels, encoded):
    known = own_targets(values, None)
    target = known.target(ALL)
    assert (target.kind, target.labels) == ("classes", labels)
    assert known.encode(target).tolist() == encoded


def test_labels_name_the_classes_also_of_truth_values():
    for values in ([1, 0, 1, 1], [True, False, True, True]):
        known = own_targets(values, ["no", "yes"])
        target = known.target(ALL)
        assert target.labels == ("no", "yes")
        assert known.encode(target).tolist() == [1, 0, 1, 1]


def test_truth_values_beside_numbers_are_numbers():
    known = own_targets([True, False, 1, 0], None)
    assert known.encode(known.target(np.arange(2))).tolist() == [1, 0, 1, 0]
    assert own_targets([True, False], None).target(np.arange(2)).labels == ("False", "True")
    assert own_targets([True, 0.5], None).values == [1, 0.5]


def test_other_numbers_are_predicted():
    known = own_targets([1.5, 2, 4.0, 0.5], None)
    target = known.target(ALL)
    assert (target.kind, target.mean) == ("number", 2.0)
    assert known.encode(target).mean() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    "values, labels, told",
    [
        (["a", "b"], ["x", "y"], "targets that are texts.*Fix: leave labels out"),
        ([0.5, 1.5], ["x", "y"], "targets that are numbers"),
        ([0, 1, 2], ["x", "y"], "2 labels, and the target of item 2 is 2.*give 3 labels"),
        ([0, -1], ["x", "y"], "item 1 is -1"),
        ([0, 1], ["x", "x"], "name a class twice"),
        ([0, None], None, "the target of item 1 is None"),
        ([0.5, float("nan")], None, "the target of item 1 is nan"),
        ([torch.zeros(3)], None, r"of shape \(3,\).*argmax"),
        ([torch.zeros(3, 2)], ["x"], r"of shape \(3, 2\)"),
        ([{"box": 1}], None, "item 0 is {'box': 1}"),
        (["a", 1], None, r"texts \(item 0\) and whole numbers \(item 1\)"),
    ],
)
def test_mistakes_are_told(values, labels, told):
    with pytest.raises(UserError, match=told):
        own_targets(values, labels)


@pytest.mark.parametrize("one", [torch.tensor(3), torch.tensor([3]), np.int64(3), np.array([3])])
def test_one_number_is_plain_whatever_holds_it(one):
    found = item_target((None, one))
    assert found == 3 and type(found) is int
