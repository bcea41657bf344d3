"""Cross-validation: every row is tested once, and nothing is learned from it then."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tilth as tl
from tilth.data.folds import fold_rows, fold_splits


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
