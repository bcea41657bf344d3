"""split: disjoint, complete, in proportion, and a function of content and seed only."""

import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.data.dataset import SPLITS
from tilth.data.keys import content_keys
from tilth.data.split import FRACTIONS, complete, quantile_strata, split
from tilth.errors import UserError

SHARES = dict(zip(SPLITS, (0.7, 0.1, 0.05, 0.15), strict=True))


@st.composite
def classes(draw):
    sizes = draw(st.lists(st.integers(1, 60), min_size=1, max_size=6))
    labels = [f"class {i}" for i, size in enumerate(sizes) for _ in range(size)]
    return draw(st.permutations(labels))


def named(parts, ids):
    return {name: {ids[row] for row in rows} for name, rows in parts.items()}


@given(classes(), st.integers(0, 2**40), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_every_row_once_in_proportion_and_whatever_the_listing_order(labels, seed, rng):
    ids = [f"folder/{i} é.png" for i in range(len(labels))]
    parts = split(ids, strata=labels, seed=seed)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(ids)))
    for label in set(labels):
        size = labels.count(label)
        counts = {name: sum(labels[row] == label for row in parts[name]) for name in SPLITS}
        assert all(abs(counts[name] - size * SHARES[name]) <= 1 + 1e-9 for name in SPLITS)
        assert counts["train"] >= 1
        assert size < 4 or counts["test"] >= 1
    for name in SPLITS:  # rounding is carried from class to class, so totals do not drift
        limit = 1 + len(set(labels)) / 2
        assert abs(len(parts[name]) - len(ids) * SHARES[name]) <= limit
    order = list(range(len(ids)))
    rng.shuffle(order)
    again = split([ids[i] for i in order], strata=[labels[i] for i in order], seed=seed)
    assert named(again, [ids[i] for i in order]) == named(parts, ids)


def test_totals_do_not_drift_over_many_small_classes():
    parts = split([str(i) for i in range(1000)], strata=[i // 8 for i in range(1000)])
    assert [len(parts[name]) for name in SPLITS] == [700, 100, 50, 150]


def test_another_seed_gives_another_split_and_no_global_stream_moves():
    ids = [str(i) for i in range(100)]
    random.seed(3), torch.manual_seed(3)
    before = (random.getstate(), torch.get_rng_state(), np.random.get_state()[1].copy())  # noqa: NPY002
    first, second = split(ids, seed=1), split(ids, seed=2)
    assert not np.array_equal(first["test"], second["test"])
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.array_equal(np.random.get_state()[1], before[2])  # noqa: NPY002


def test_a_row_added_later_moves_few_others():
    ids = [str(i) for i in range(1000)]
    before = named(split(ids), ids)
    ids = [*ids, "new"]
    after = named(split(ids), ids)
    assert sum(len(before[name] - after[name]) for name in SPLITS) <= 3


def test_equal_ids_stay_together():
    ids = [f"{i // 2}" for i in range(2000)]  # every row twice
    parts = named(split(ids), ids)
    seen = [id_ for members in parts.values() for id_ in members]
    assert len(seen) == len(set(seen)) == 1000


def test_equal_ids_that_are_most_of_the_data_do_not_swallow_a_split():
    parts = split(["same"] * 100)
    assert {name: len(rows) for name, rows in parts.items()} == {
        "train": 70,
        "valid": 10,
        "calibrate": 5,
        "test": 15,
    }


@given(
    st.lists(st.integers(0, 25), min_size=8, max_size=200).filter(lambda g: len(set(g)) >= 4),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_no_group_is_in_two_splits_and_none_is_empty(groups, seed):
    ids = [str(i) for i in range(len(groups))]
    labels = [i % 2 for i in range(len(groups))]
    parts = split(ids, strata=labels, groups=groups, seed=seed)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(ids)))
    members = [{groups[row] for row in rows} for rows in parts.values()]
    assert sum(map(len, members)) == len(set(groups))
    assert all(members)


def test_groups_of_different_sizes_reach_the_fractions_and_keep_classes():
    sizes = np.random.default_rng(0).integers(1, 30, 300)
    groups = np.repeat(np.arange(300), sizes)
    labels = (groups % 3 == 0).astype(int)  # a whole group has one class
    ids = [str(i) for i in range(len(groups))]
    parts = split(ids, strata=labels, groups=groups)
    for name in SPLITS:
        assert len(parts[name]) / len(ids) == pytest.approx(SHARES[name], abs=0.01)
        assert labels[parts[name]].mean() == pytest.approx(labels.mean(), abs=0.05)
    other = split(ids, strata=labels, groups=groups, seed=1)
    assert set(groups[other["test"]]) != set(groups[parts["test"]])


def test_by_time_the_latest_rows_are_test_then_calibrate_then_valid():
    time = np.random.default_rng(0).permutation(200)
    parts = split([str(i) for i in range(200)], time=time)
    assert [len(parts[name]) for name in SPLITS] == [140, 20, 10, 30]
    for early, late in itertools.pairwise(SPLITS):
        assert time[parts[early]].max() < time[parts[late]].min()


def test_rows_of_one_moment_stay_together():
    days = np.repeat(np.arange(67), 3)
    parts = split([str(i) for i in range(201)], time=days)
    assert sum(len(set(days[rows])) for rows in parts.values()) == 67


def test_number_quantiles_are_in_proportion():
    values = np.random.default_rng(0).lognormal(size=1000)
    parts = split([str(i) for i in range(1000)], numbers=values)
    tenth = np.searchsorted(np.sort(values), values) // 100  # by rank, not by np.quantile
    for name in SPLITS:
        counts = np.bincount(tenth[parts[name]], minlength=10)
        assert np.abs(counts - 100 * SHARES[name]).max() <= 2
    assert quantile_strata([1.0, float("nan"), 2.0]).tolist() == [0, -1, 0]


def test_integer_ids_split_as_finely_as_texts():
    ids = np.arange(10_000, dtype=np.uint64)  # neighbours must not stay neighbours
    parts = split(ids)
    assert [len(parts[name]) for name in SPLITS] == [7000, 1000, 500, 1500]
    blocks = np.bincount(parts["test"] // 1000, minlength=10)
    assert blocks.min() > 100 and blocks.max() < 200  # 150 +- 11 each by chance
    assert len(np.unique(content_keys(ids, 0))) == 10_000


def splitmix64(word):
    mask = 2**64 - 1
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    return word ^ (word >> 31)


def test_keys_of_integers_are_splitmix64():
    from tilth.randomness import fold

    ids = [0, 1, 2**64 - 1, 123456789]
    expected = [splitmix64(i ^ fold(7, "split")) for i in ids]
    assert content_keys(np.array(ids, dtype=np.uint64), 7).tolist() == expected


def test_what_is_given_is_kept_and_the_rest_is_made():
    ids = [str(i) for i in range(1000)]
    rows = {"train": np.arange(700), "valid": np.arange(700, 850), "test": np.arange(850, 1000)}
    parts = complete(rows, ids)
    assert np.array_equal(parts["train"], rows["train"])
    assert np.array_equal(parts["test"], rows["test"])
    both = np.concatenate([parts["valid"], parts["calibrate"]])
    assert np.array_equal(np.sort(both), rows["valid"])
    assert len(parts["calibrate"]) == 50

    parts = complete({"train": rows["train"], "valid": rows["valid"]}, ids)
    joined = np.concatenate([parts["train"], parts["test"]])
    assert np.array_equal(np.sort(joined), rows["train"])
    assert len(parts["test"]) == round(700 * 0.15 / 0.85)

    everything = {name: rows_ for name, rows_ in split(ids).items()}
    again = complete(everything, ids)
    assert all(np.array_equal(again[name], everything[name]) for name in SPLITS)
    only_train = complete({"train": np.arange(1000)}, ids)
    assert all(np.array_equal(only_train[name], everything[name]) for name in SPLITS)


def test_fractions_are_used_and_checked():
    ids = [str(i) for i in range(100)]
    parts = split(ids, fractions=(0.8, 0.0, 0.2))
    assert [len(parts[name]) for name in SPLITS] == [80, 0, 0, 20]
    for wrong in ((0.5, 0.2, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.7, 0.3)):
        with pytest.raises(UserError, match="must sum to 1"):
            split(ids, fractions=wrong)
    assert sum(FRACTIONS) == pytest.approx(1)


def test_what_cannot_be_split_is_said():
    ids = [str(i) for i in range(9)]
    with pytest.raises(UserError, match=r"2 different groups.*at least 4"):
        split(ids, groups=[0, 1] * 4 + [0])
    with pytest.raises(UserError, match="by group or by time, not both"):
        split(ids, groups=ids, time=range(9))
    with pytest.raises(UserError, match="1 of 9 rows have no time"):
        split(ids, time=[float("nan"), *range(8)])
    with pytest.raises(UserError, match="train is needed"):
        complete({"test": np.arange(9)}, ids)
