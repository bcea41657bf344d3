import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import UserError
from tilth.train.toml import dump

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_the_standard_reader_gives_back_what_was_written(table):
    read = tomllib.loads(dump(table))
    assert read == table
    assert repr(_sorted(read)) == repr(_sorted(table))  # 1 == 1.0 == True, repr tells them apart


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value


def test_nan_comes_back_as_nan():
    assert math.isnan(tomllib.loads(dump({"a": float("nan")}))["a"])


def test_lists_of_tables_and_nested_tables_read_like_a_person_would_write_them():
    table = {
        "phases": [{"epochs": 1, "lr": {"peak": 1e-3}}, {"epochs": 4}],
        "title": 'a "quoted"\nname',
        "data set": {"path": "C:\\data", "fractions": (0.7, 0.3), "empty": {}},
    }
    assert dump(table) == (
        'title = "a \\"quoted\\"\\nname"\n'
        "\n[[phases]]\nepochs = 1\n"
        "\n[phases.lr]\npeak = 0.001\n"
        "\n[[phases]]\nepochs = 4\n"
        '\n["data set"]\npath = "C:\\\\data"\nfractions = [0.7, 0.3]\n'
        '\n["data set".empty]\n'
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": {"b": None}}, ["a.b is None", "leave it out"]),
        ({"a": object()}, ["a is of type object"]),
        ({"a": [1, {2}]}, ["a is of type set"]),
        ({"a": {1: 2}}, ["key 1 in a", "keys must be text"]),
        ({"a": 2**63}, ["a = 9223372036854775808", "64 bits"]),
        ({"a": "\ud800"}, ["a = '\\ud800'", "Unicode"]),
        ({"a": [{3: 4}, 1]}, ["key 3 in a"]),
    ],
)
def test_what_toml_cannot_hold_is_refused_by_name(table, words):
    with pytest.raises(UserError) as caught:
        dump(table)
    assert all(word in str(caught.value) for word in words)
