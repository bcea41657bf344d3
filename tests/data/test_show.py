"""What a person sees of a data set: a line, findings in order, rows with their true answers."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from PIL import Image

import tilth as tl
from tilth.data.show import contact_sheet


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (60, 6, 5), dtype=np.uint8)


def test_repr_is_a_few_lines_with_every_split():
    text = repr(tl.arrays(pictures(), np.arange(60) % 3))
    assert len(text) < 1000
    assert all(f"{split} " in text.splitlines()[0] for split in ("train", "valid", "test"))


def test_check_says_the_worst_first(capsys):
    inputs = np.random.default_rng(0).normal(size=(60, 2))
    found = tl.arrays(inputs, np.r_[np.zeros(57), np.ones(3)].astype(int)).check()
    order = [("error", "warning", "info").index(finding.severity) for finding in found]
    assert order == sorted(order) and len(found) > 0
    said = capsys.readouterr().err
    assert [said.index(f"[{f.code}]") for f in found] == sorted(
        said.index(f"[{f.code}]") for f in found
    )


def test_show_captions_are_the_true_answers():
    x = np.arange(80, dtype=float)
    data = tl.arrays(np.c_[x, np.random.default_rng(0).normal(size=80)], 3 * x + 1)
    frame = data.show(7)
    assert frame.height == 7
    expected = [f"{3 * value + 1:.4g}" for value in frame["x0"]]
    assert frame["true answer"].to_list() == expected


def test_show_draws_training_pictures_with_their_labels():
    given = pictures()
    data = tl.arrays(given, np.arange(60) % 3)
    figure = data.show(4)
    train = set(data.splits["train"].tolist())
    for axis in [axis for axis in figure.axes if axis.images]:
        (row,) = np.flatnonzero((given == axis.images[0].get_array()).all(axis=(1, 2)))
        assert row in train and axis.get_title() == str(row % 3)


def test_contact_sheet_keeps_colours():
    stream = io.BytesIO()
    Image.new("RGB", (3, 2), (10, 20, 30)).save(stream, "PNG")
    figure = contact_sheet([stream.getvalue()] * 6, list("abcdef"))
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == list("abcdef")
    assert (np.asarray(drawn[5].images[0].get_array()) == [10, 20, 30]).all()


def test_own_items_can_be_shown():
    import torch
    from torch.utils.data import TensorDataset

    pairs = TensorDataset(torch.zeros(40, 2), torch.arange(40) % 2)
    assert isinstance(tl.dataset(pairs).show(3), pl.DataFrame)
