"""Cross-validation: every row is tested once, and nothing is learned from it then."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilth as tl
from tilth.data.folds import fold_rows, fold_splits
from tilth.errors import UserError


@given(st.integers(2, 7), st.integers(7, 60), st.integers(0, 5))
def test_folds_share_out_all_rows_evenly_per_class(folds, count, seed):
    ids = [f"row {row}" for row in range(count)]
    strata = [row % 3 for row in range(count)]
    parts = fold_rows(ids, strata, folds, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    for kind in range(3):
        sizes = [sum(strata[row] == kind for row in part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_splits_of_a_fold_are_disjoint_and_cover_the_data():
    stream = np.random.default_rng(0)
    pixels = stream.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    data = tl.arrays(pixels, np.arange(60) % 2)
    rows = sorted(np.concatenate(list(data.splits.values())).tolist())
    tested = []
    for parts in fold_splits(data, 4, 0):
        assert set(parts) == {"train", "valid", "calibrate", "test"}
        assert sorted(np.concatenate(list(parts.values())).tolist()) == rows
        refitted = data.with_splits(parts)
        wanted = pixels[parts["train"]].mean()
        assert abs(refitted.preprocessor.mean[0] - wanted) < 1e-3
        tested += parts["test"].tolist()
    assert sorted(tested) == rows


@pytest.mark.parametrize("kind", ["pictures", "table"])
def test_copies_are_tested_together(kind):
    stream = np.random.default_rng(0)
    shape = (60, 8, 8) if kind == "pictures" else (60, 3)
    once = stream.integers(0, 255, shape).astype(np.uint8)
    twice = np.concatenate([once, once])  # rows k and k + 60 are copies
    data = tl.arrays(twice, np.arange(120) % 60 % 2)
    for parts in fold_splits(data, 5, 0):
        tested = set((parts["test"] % 60).tolist())
        learned = {row for name, rows in parts.items() if name != "test" for row in rows % 60}
        assert not tested & learned
        assert len(parts["test"]) == 24


def test_copies_that_differ_in_an_id_only_are_tested_together():
    stream = np.random.default_rng(0)
    once = pl.DataFrame({"a": stream.normal(size=60), "b": stream.normal(size=60)})
    once = once.with_columns(y=pl.col("a") + pl.col("b"))
    twice = pl.concat([once, once]).with_columns(id=pl.Series(range(120)))
    data = tl.table(twice, "y")
    assert {column.name: column.kind for column in data.columns}["id"] == "drop"
    for parts in fold_splits(data, 5, 0):
        learned = {row for name, rows in parts.items() if name != "test" for row in rows % 60}
        assert not set((parts["test"] % 60).tolist()) & learned


@given(st.integers(2, 6), st.lists(st.integers(0, 12), min_size=30, max_size=60))
def test_rows_of_one_id_are_in_one_fold_and_folds_stay_even(folds, names):
    ids = [str(name) for name in names]
    most = max(map(ids.count, ids))
    if len(set(ids)) < folds:
        with pytest.raises(UserError, match=f"of which {len(set(ids))} differ"):
            fold_rows(ids, None, folds, 0)
        return
    parts = fold_rows(ids, None, folds, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(ids)))
    homes = [{ids[row] for row in part} for part in parts]
    assert sum(map(len, homes)) == len(set(ids))
    sizes = [len(part) for part in parts]
    assert min(sizes) > 0 and max(sizes) - min(sizes) <= most
