import time

import pytest
import torch

from tests.ship.made import PICTURES, pictures
from tilth.errors import UserError
from tilth.ship import encoding
from tilth.ship.encoding import encode


class Counting:
    """Turns numbers into tensors, refuses odd ones, and says what it saw."""

    def __init__(self, kind="columns"):
        self.kind, self.seen = kind, []

    def __call__(self, raw):
        self.seen.append(list(raw))
        for place, number in enumerate(raw):
            if number % 2:
                raise UserError(f"item {place}: odd", rule="even only")
        return (torch.tensor([[float(number)] for number in raw]), {"a": torch.zeros(len(raw), 2)})


@pytest.mark.parametrize("kind", ["columns", "images"])
def test_groups_hold_the_items_in_order_with_the_errors_of_each(kind, monkeypatch):
    monkeypatch.setattr(encoding, "PICTURES_AT_ONCE", 4)
    monkeypatch.setattr(encoding, "ROWS_AT_ONCE", 4)
    items = [0, 2, 3, 4, 5, 7, 9, 11, 6, 8]
    groups = list(encode(items, [f"n{i}" for i in items], Counting(kind)))
    assert [list(group.names) for group in groups] == [
        ["n0", "n2", "n3", "n4"],
        ["n5", "n7", "n9", "n11"],
        ["n6", "n8"],
    ]
    assert groups[0].inputs[0].tolist() == [[0.0], [2.0], [4.0]]
    assert groups[0].inputs[1]["a"].shape == (3, 2)
    assert {place: error.found for place, error in groups[0].errors.items()} == {2: "item n3: odd"}
    assert groups[0].errors[2].rule == "even only"
    assert groups[1].inputs is None
    assert sorted(groups[1].errors) == [0, 1, 2, 3]
    assert groups[2].inputs[0].tolist() == [[6.0], [8.0]]
    assert groups[2].errors == {}


def test_a_table_without_errors_is_encoded_in_one_call():
    counting = Counting()
    list(encode([0, 2, 4], [0, 1, 2], counting))
    assert counting.seen == [[0, 2, 4]]


def test_nothing_asked_gives_nothing():
    assert list(encode([], [], Counting())) == []
    assert list(encode([], [], Counting("images"))) == []


def test_pictures_come_out_as_they_would_one_by_one(tmp_path):
    paths = pictures(tmp_path, 7)
    (group,) = encode(paths, paths, PICTURES)
    assert torch.equal(group.inputs, torch.cat([PICTURES([path]) for path in paths]))


def test_reading_is_at_most_one_group_ahead_and_stops_when_nobody_listens(monkeypatch):
    monkeypatch.setattr(encoding, "PICTURES_AT_ONCE", 4)
    counting = Counting("images")
    groups = encode(range(0, 2000, 2), range(1000), counting)
    next(groups)
    begun = time.monotonic()
    while len(counting.seen) < 8 and time.monotonic() < begun + 5:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(counting.seen) == 8
    groups.close()
    seen = len(counting.seen)
    time.sleep(0.05)
    assert len(counting.seen) == seen


def test_an_error_of_the_code_itself_is_not_hidden():
    def broken(raw):
        raise ZeroDivisionError("a bug")

    broken.kind = "images"
    with pytest.raises(ZeroDivisionError):
        list(encode([1, 2], [0, 1], broken))
