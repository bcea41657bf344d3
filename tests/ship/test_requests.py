import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.ship.made import PICTURES, Columns, pictures
from tilth.data.table_encoder import TableEncoder
from tilth.errors import UserError
from tilth.ship.preprocessors import from_bundle, to_ship
from tilth.ship.requests import understand

TABLE = TableEncoder((), (), ())
GREY = type(PICTURES)(6, 6, 1, mean=(0.0,), std=(1.0,))


@pytest.mark.parametrize(
    "item",
    [
        "a.png",
        Path("a.png"),
        b"\x89PNG",
        Image.new("L", (4, 4)),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
    ],
)
def test_one_picture(item):
    asked = understand(item, PICTURES)
    assert asked.shape == "one"
    assert asked.items == [item]
    assert asked.names == (["a.png"] if isinstance(item, str | Path) else [None])


def test_several_pictures(tmp_path):
    paths = pictures(tmp_path / "new" / "more", 3)
    (tmp_path / "new" / "notes.txt").write_text("not a picture")
    folder = understand(tmp_path / "new", PICTURES)
    assert (folder.shape, folder.names) == ("many", [str(path) for path in paths])
    mixed = understand(["a.png", Image.new("L", (4, 4))], PICTURES)
    assert (mixed.shape, mixed.names) == ("many", ["a.png", 1])
    assert len(understand(np.zeros((5, 8, 8, 3), np.uint8), PICTURES).items) == 5
    assert len(understand(torch.zeros(5, 6, 6, dtype=torch.uint8), GREY).items) == 5


def test_a_folder_without_pictures_is_said(tmp_path):
    with pytest.raises(UserError, match="no pictures in"):
        understand(tmp_path, PICTURES)


def test_a_frame_is_not_a_picture():
    with pytest.raises(UserError, match="column of paths"):
        understand(pl.DataFrame({"path": ["a.png"]}), PICTURES)


def test_rows():
    row = {"x": 1}
    assert (understand(row, TABLE).shape, understand(row, TABLE).items) == ("one", [row])
    assert understand([row, row], TABLE).names == [0, 1]
    assert understand(pd.DataFrame([row]).iloc[0], TABLE).items == [row]
    for frame in (pl.DataFrame([row, row]), pd.DataFrame([row, row])):
        asked = understand(frame, TABLE)
        assert (asked.shape, list(asked.names)) == ("frame", [0, 1])


def test_rows_of_a_file_are_called_by_their_lines(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,2\n3\n\n5,6\n")
    asked = understand(path, TABLE)
    assert asked.names == ["line 2", "line 5"]
    assert [bad.item for bad in asked.bad] == ["line 3"]


@pytest.mark.parametrize("asked", [np.zeros((2, 2)), 3, pl.DataFrame({"x": [1]}).lazy()])
def test_what_is_no_table_is_said(asked):
    with pytest.raises(UserError, match="polars or pandas frame"):
        understand(asked, TABLE)


def test_a_kind_of_ones_own_takes_one_or_a_list():
    assert understand(3, Columns()).shape == "one"
    assert understand([3, 4], Columns()).shape == "many"


def test_folders_in_a_list_stand_for_their_pictures(tmp_path):
    below = pictures(tmp_path / "new", count=2)
    asked = understand(["first.png", tmp_path / "new", b"bytes"], PICTURES)
    assert asked.names == ["first.png", *map(str, below), 3]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures in"):
        understand([tmp_path / "empty"], PICTURES)


def with_gradient(array):
    return torch.from_numpy(array).requires_grad_()


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, with_gradient])
@pytest.mark.parametrize("varied", [True, False])
@pytest.mark.parametrize("own_net", [True, False])
def test_a_model_of_an_array_takes_arrays(kind, varied, own_net):
    rows = np.array([[1.0, 2.0], [3.0, float("nan")]])
    learned = np.random.default_rng(0).normal(size=(40, 2)) * [1.0, varied]
    data = tl.arrays(learned, np.arange(40) % 2)
    encoder = (data.plain() if own_net else data).preprocessor
    encoder = from_bundle(json.loads(json.dumps(to_ship(encoder))))
    asked = understand(kind(rows), encoder)
    assert asked.items[0] == {"x0": 1.0, "x1": 2.0}
    assert (asked.shape, len(asked.items), asked.names) == ("many", 2, [0, 1])
    assert understand(kind(rows[0]), encoder).items == [{"x0": 1.0, "x1": 2.0}]
    assert understand(kind(rows[0]), encoder).shape == "one"
    assert torch.is_tensor(encoder(rows)) == own_net
    with pytest.raises(UserError, match=r"shape \(2, 1\); the model learned from rows of 2 num"):
        understand(kind(rows[:, :1]), encoder)
