from __future__ import annotations

import numpy as np

from tilth.data.class_findings import class_findings
from tilth.data.dataset import MOST_ITEMS, Finding

LABELS = ("a", "b", "c")


def found(ids: list[int], labels: tuple[str, ...] = LABELS, test: int = 0) -> dict[str, Finding]:
    rows = np.arange(len(ids))
    splits = {"train": rows[test:], "test": rows[:test]} if test else {"train": rows}
    findings = class_findings(np.array(ids), labels, splits, str)
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding for finding in findings}


def test_nothing_wrong():
    assert found([0, 1, 2] * 10) == {}
    assert found([0, 1, 2] * 10, test=6) == {}


def test_one_class():
    only = found([0] * 20, ("a",))
    assert set(only) == {"one_class"}
    assert only["one_class"].severity == "error"
    assert "a (20 rows)" in only["one_class"].what


def test_one_row_per_class():
    assert set(found([0, 1, 2])) == {"one_row_per_class"}


def test_tiny_classes():
    tiny = found([0] * 12 + [1] * 12 + [2] * 9)
    assert set(tiny) == {"tiny_class"}
    assert tiny["tiny_class"].items == ("c (9)",)


def test_classes_spelled_in_two_ways():
    alike = found([0] * 12 + [1] * 30 + [2] * 12, ("Female ", "female", "male"))
    assert set(alike) == {"label_variants"}
    assert alike["label_variants"].what.endswith("'Female ' as 'female'")
    assert found([0, 1, 2] * 10, ("7", "07", "7.")) == {}, "numbers are left alone"
    assert found([0, 1, 2] * 10, ("!", ":", "_")) == {}, "nothing is left of marks"
    twice = tuple(name for number in range(120) for name in (f"fox {number}", f"Fox {number}"))
    assert len(found(list(range(240)) * 10, twice)["label_variants"].items) == MOST_ITEMS


def test_imbalance_is_of_the_training_rows():
    assert "imbalance" in found([0] * 100 + [1] * 10 + [2] * 10)
    assert "imbalance" not in found([0] * 99 + [1] * 10 + [2] * 10)
    assert "10 times" in found([0] * 100 + [1] * 10 + [2] * 10)["imbalance"].what


def test_classes_that_test_lacks():
    missing = found([0, 1] * 3 + [0, 1, 2] * 10, test=6)
    assert missing["class_not_in_test"].items == ("c",)


def test_labels_that_train_lacks():
    unseen = found([0, 1, 2] * 10 + [-1])["unseen_label"]
    assert unseen.severity == "error"
    assert unseen.items == ("30",)
