import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from tilth.data.table_features import one_hot, tree_categories


@pytest.fixture
def ids():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 5, 2000)
    large = np.minimum(rng.geometric(0.01, 2000), 399)
    return np.column_stack([small, large])


def test_indicators_are_those_of_scikit_learn(ids):
    train = ids[:1000]
    oracle = OneHotEncoder(max_categories=51, handle_unknown="ignore", sparse_output=False)
    oracle.fit(train[:, 1:])
    ours = one_hot(ids[:, 1:], train[:, 1:], [400])
    counts = np.bincount(train[:, 1], minlength=400)
    kept = np.argsort(-counts, kind="stable")[:50]
    assert np.array_equal(ours, (ids[:, 1:] == kept).astype(np.float32))
    theirs = oracle.transform(ids[:, 1:])[:, :-1]  # the last is "infrequent"
    # ties in the counts may be broken otherwise: the categories above them agree
    clear = set(np.flatnonzero(counts > counts[kept[-1]]).tolist())
    assert {tuple(c) for c in ours.T[[i for i, k in enumerate(kept) if k in clear]]} <= {
        tuple(c) for c in theirs.T
    }
    assert one_hot(ids[:, :1], train[:, :1], [5]).shape == (2000, 5)
    assert one_hot(ids[:, :0], train[:, :0], []).shape == (2000, 0)


def test_tree_codes_stay_below_a_byte_and_keep_common_categories_apart(ids):
    codes = tree_categories(ids, ids, [5, 400])
    assert codes.max() <= 253
    for column, cardinality in ((0, 5), (1, 400)):
        counts = np.bincount(ids[:, column], minlength=cardinality)
        common = np.argsort(-counts, kind="stable")[:253]
        for id_ in common[:20]:
            mine = codes[ids[:, column] == id_, column]
            assert len(np.unique(mine)) == 1
            assert ((codes[:, column] == mine[0]) == (ids[:, column] == id_)).all()
