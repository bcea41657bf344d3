import datetime as dt

import polars as pl
import pytest

from tilth.data.label_variants import label_variants
from tilth.data.table_infer import infer
from tilth.data.table_target import merge_labels, read_target
from tilth.errors import UserError


def target(values, task=None):
    column = pl.Series("y", values)
    return read_target(column, infer(column), task)


WORDS = ("its values are words", "it is true or false")  # never meant as numbers


@pytest.mark.parametrize(
    ("values", "kind", "order"),
    [
        (["cat", "dog", "cat"] * 4, "classes", ("cat", "dog")),
        (["yes", "no", "NA"] * 4, "classes", ("no", "yes")),
        ([True, False] * 4, "classes", ("false", "true")),
        (["3", "10", "3", "8"] * 20, "classes", ("3", "8", "10")),
        ([1.0, 2.0, None] * 20, "classes", ("1", "2")),
        (["1", "2", "x"] * 9, "classes", ("1", "2", "x")),
        ([str(i) for i in range(100)], "number", ()),
        ([i % 25 for i in range(500)], "number", ()),
        ([0.5, 1.5] * 20, "number", ()),
    ],
)
def test_classes_and_numbers_are_told_apart_and_why(values, kind, order):
    found = target(values)
    assert (found.kind, found.order) == (kind, order)
    assert found.note.startswith("y is predicted as ")
    assert ("overrides" in found.note) is (found.why.partition(" (")[0] not in WORDS)


def test_words_are_called_words():
    note = target(["yes", "no"] * 4).note
    assert note == "y is predicted as one of 2 classes: its values are words"


def test_a_target_that_is_known_in_part_only_says_so():
    with pytest.raises(UserError, match=r"always 0\.0 where it is known \(2 of 4 are missing\)"):
        target([0.0, None, 0.0, float("nan")])


def test_the_task_can_be_said():
    assert target([1, 2, 3] * 20, "regress").kind == "number"
    assert target([i % 30 for i in range(600)], "classify").order == tuple(map(str, range(30)))
    found = target(["1", "$2", "many", None] * 5, "regress")
    assert found.values.to_list()[:4] == [1.0, 2.0, None, None]
    with pytest.raises(UserError, match=r"unknown task 'regres'.*did you mean 'regress'"):
        target([1, 2], "regres")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, None], "has no values"),
        (["a", "a"], "always 'a'"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "holds dates"),
        ([[1], [2]], "nested values"),
        ([f"name {i}" for i in range(30)], "30 different values in 30 rows"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        target(values)
    if message == "always 'a'":
        with pytest.raises(UserError, match="no numbers to learn from"):
            target(["a", "b", "a"], "regress")


def test_spellings_of_one_label_are_merged_into_the_commonest():
    counts = {
        "Yes": 10,
        "yes": 3,
        "YES ": 0,
        "no": 5,
        "new york": 1,
        "New-York": 4,
        "-1": 2,
        "1": 2,
    }
    assert label_variants(counts) == {
        "yes": "Yes", "YES ": "Yes", "new york": "New-York",
    }  # fmt: skip
    assert label_variants({"<=50K": 3, ">50K": 3, "a+": 1, "a": 1, "a1": 1}) == {}
    found = merge_labels(target(["Yes", "yes", "no", None]), {"yes": "Yes"})
    assert found.values.to_list() == ["Yes", "Yes", "no", None]
    assert found.order == ("no", "Yes")
    assert "one of 2 classes" in found.note
