import hashlib

import numpy as np
import polars as pl

from tilth.data.row_hash import column_hashes, row_hashes

MASK = 2**64 - 1


def mixed(word):
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def text_hash(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def by_hand(name, value):
    if value is None:
        word = int.from_bytes(b"!gnissim", "little")
    elif isinstance(value, str):
        word = text_hash(value)
    else:
        word = int(np.float64(value + 0.0).view(np.uint64))
    return mixed(word ^ text_hash(name))


def test_hashes_are_those_of_the_definition_value_by_value():
    frame = {
        "n": [1.5, None, -0.0, 7.0],
        "t": ["é", "b", None, "b"],
        "k": [True, False, None, True],
        "i": [3, None, 0, -(2**40)],
    }
    columns = {name: pl.Series(values) for name, values in frame.items()}
    total = row_hashes(columns)
    each = {name: column_hashes(name, values) for name, values in columns.items()}
    for row in range(4):
        expected = {name: by_hand(name, values[row]) for name, values in frame.items()}
        assert {name: int(each[name][row]) for name in frame} == expected
        assert int(total[row]) == sum(expected.values()) & MASK


def test_a_golden_row_does_not_change_between_versions():
    # made by this file's own by_hand, so that any drift of the definition is seen
    total = row_hashes({"a": pl.Series([1, 2]), "b": pl.Series(["x", None])})
    assert [f"{word:016x}" for word in total.tolist()] == [
        f"{(by_hand('a', 1) + by_hand('b', 'x')) & MASK:016x}",
        f"{(by_hand('a', 2) + by_hand('b', None)) & MASK:016x}",
    ]


def test_types_and_order_of_columns_do_not_matter_but_names_do():
    whole = column_hashes("a", pl.Series([1, None, 3]))
    assert np.array_equal(whole, column_hashes("a", pl.Series([1.0, np.nan, 3.0])))
    assert not np.array_equal(whole, column_hashes("b", pl.Series([1, None, 3])))
    a, b = pl.Series([1, 2]), pl.Series([2, 1])
    assert np.array_equal(row_hashes({"a": a, "b": b}), row_hashes({"b": b, "a": a}))
    assert not np.array_equal(row_hashes({"a": a, "b": b}), row_hashes({"a": b, "b": a}))


def test_many_rows_have_distinct_hashes():
    numbers = pl.Series(np.arange(200_000))
    total = row_hashes({"a": numbers, "b": numbers % 7})
    assert len(np.unique(total)) == 200_000
