import numpy as np
import pandas as pd
import polars as pl
import pytest

from tilth.ship.frames import alike, library, pieces


def test_frames_are_told_apart():
    assert library(pl.DataFrame({"a": [1]})) == "polars"
    assert library(pd.DataFrame({"a": [1]})) == "pandas"

    class DataFrame:
        pass

    for other in (DataFrame(), [1], {"a": 1}, "a", None, pl.Series([1]), pd.Series([1])):
        assert library(other) is None


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
@pytest.mark.parametrize(("rows", "sizes"), [(0, [0]), (1, [1]), (4, [4]), (9, [4, 4, 1])])
def test_pieces_are_the_frame(make, rows, sizes):
    frame = make({"a": list(range(rows))})
    found = list(pieces(frame, 4))
    assert [len(piece) for piece in found] == sizes
    assert [value for piece in found for value in piece["a"].to_list()] == list(range(rows))


def test_columns_come_back_as_the_same_kind_of_frame():
    columns = {
        "prediction": np.array(["x", "y"], dtype=object),
        "probability": np.arange(4.0).reshape(2, 2)[:, 1],  # not contiguous
    }
    polars = alike(pl.DataFrame({"a": [1, 2]}), columns)
    assert polars.equals(pl.DataFrame({"prediction": ["x", "y"], "probability": [1.0, 3.0]}))
    pandas = alike(pd.DataFrame({"a": [1, 2]}, index=["p", "q"]), columns)
    expected = pd.DataFrame({"prediction": ["x", "y"], "probability": [1.0, 3.0]}, index=["p", "q"])
    pd.testing.assert_frame_equal(pandas, expected, check_dtype=False)


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
def test_a_frame_without_rows_has_the_types_of_one_with_rows(make):
    def columns(rows):
        return {
            "prediction": np.array(["x", "y"], dtype=object)[np.zeros(rows, dtype=int)],
            "probability": np.ones(rows),
        }

    none, some = (alike(make({"a": [1] * rows}), columns(rows)) for rows in (0, 3))
    assert list(none.columns) == ["prediction", "probability"]
    assert list(none.dtypes) == list(some.dtypes)
    assert len(none) == 0
