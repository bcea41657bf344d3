"""The file of decisions: append, read, take back, survive a kill in the middle of a line."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tilth.data.decisions import COLUMNS, Decision, append, digest, in_force, last_made, read
from tilth.errors import UserError

ONE = Decision("cats/a, b.png", "relabel", 'dog "big"', "cat", "label", "1")
TWO = Decision("cats/\udcff.png", "drop", "", "cat", "near copy", "2")


def test_what_is_appended_is_read_back_and_the_file_only_grows(tmp_path):
    path = tmp_path / "new" / "decisions.csv"
    append(path, [ONE])
    before = path.read_bytes()
    append(path, [TWO])
    assert read(path) == [ONE, TWO]
    assert path.read_bytes().startswith(before)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS


@given(cut=some.integers(0, 200))
def test_a_kill_loses_the_last_line_and_no_other(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "decisions.csv"
    append(path, [ONE])
    first = path.stat().st_size
    append(path, [TWO])
    content = path.read_bytes()
    cut = first + cut % (len(content) - first)
    path.write_bytes(content[:cut])
    assert read(path) == [ONE]
    three = Decision("dogs/c.png", "keep", time="3")
    append(path, [three])
    assert read(path) == [ONE, three]


def test_undo_takes_back_the_last_that_is_in_force():
    lines = [
        Decision("a", "drop", time="1"),
        Decision("b", "keep", time="2"),
        Decision("a", "relabel", "x", time="3"),
        Decision("c", "relabel", "x", time="3"),
    ]
    assert {one.item for one in last_made(lines)} == {"a", "c"}
    lines += [Decision("a", "undo", time="4"), Decision("c", "undo", time="4")]
    assert {k: one.decision for k, one in in_force(lines).items()} == {"b": "keep", "a": "drop"}
    assert [one.item for one in last_made(lines)] == ["b"]
    lines += [Decision("b", "undo", time="5")]
    assert [one.item for one in last_made(lines)] == ["a"]
    lines += [Decision("a", "undo", time="6")]
    assert in_force(lines) == {} and last_made(lines) == []


def test_the_digest_is_of_what_changes_data():
    drop, keep = Decision("a", "drop", time="1"), Decision("b", "keep", time="2")
    assert digest({"b": keep}) == digest({}) == ""
    assert digest({"a": drop, "b": keep}) == digest({"a": drop}) != ""
    assert digest({"a": drop}) != digest({"a": Decision("a", "relabel", "x")})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("name,label\na,b\n", "has the columns name, label"),
        ("", r"has the columns \(none\)"),
        ("item,decision,label\na,remove,\n", "line 2: unknown decision 'remove'"),
        ("item,decision,label\na,relabel,\n", "line 2: a relabelled as ''"),
    ],
)
def test_what_is_no_file_of_decisions_is_told(tmp_path, content, told):
    path = tmp_path / "decisions.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=told):
        read(path)


def test_a_decision_is_one_line(tmp_path):
    with pytest.raises(UserError, match="one line"):
        append(tmp_path / "d.csv", [Decision("a\nb", "drop")])
    assert not (tmp_path / "d.csv").exists()
