"""Splits given as row numbers: every kind of mistake is told, for pictures and for tables."""

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.errors import UserError

STREAM = np.random.default_rng(0)
PIXELS = STREAM.integers(0, 255, (60, 8, 8)).astype(np.uint8)
NUMBERS = STREAM.normal(size=(60, 3))
CLASSES = np.arange(60) % 2

MISTAKES = {
    "a row in two splits": ({"train": range(40), "test": range(39, 60)}, "more than one split"),
    "a row twice in one": ({"train": [0, 1, 1], "test": range(2, 60)}, "first row 1"),
    "a misspelt name": ({"train": range(40), "tset": range(40, 60)}, "did you mean 'test'"),
    "a row too many": ({"train": range(40), "test": range(40, 61)}, "rows are 0 to 59"),
    "a negative row": ({"train": range(40), "test": [-1]}, "splits name row -1"),
    "no train": ({"valid": range(40), "test": range(40, 60)}, "no training rows"),
    "an empty train": ({"train": [], "test": range(40, 60)}, "no training rows"),
    "a mask": ({"train": np.arange(60) < 40, "test": range(40, 60)}, r"numpy\.flatnonzero"),
    "halves": ({"train": [0.5, 1.5], "test": range(40, 60)}, "list of row numbers"),
}


@pytest.mark.parametrize("inputs", [PIXELS, NUMBERS], ids=["pictures", "table"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told(mistake, inputs):
    splits, told = MISTAKES[mistake]
    with pytest.raises(UserError, match=told):
        tl.arrays(inputs, CLASSES, splits=splits)


@pytest.mark.parametrize("inputs", [PIXELS, NUMBERS], ids=["pictures", "table"])
def test_good_ones_are_kept_in_any_form(inputs):
    splits = {"train": list(range(30)), "valid": torch.arange(30, 45), "test": range(45, 60)}
    data = tl.arrays(inputs, CLASSES, splits=splits)
    assert data.splits["train"].tolist() == list(range(30))
    valid = np.concatenate([data.splits["valid"], data.splits["calibrate"]])
    assert sorted(valid.tolist()) == list(range(30, 45))
    assert data.splits["test"].tolist() == list(range(45, 60))
