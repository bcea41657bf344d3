"""Delimited text: every value as Python's own reader has it, bad lines by their number."""

import csv
import gzip
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.data import delimited
from tilth.data.delimited import read_delimited, sniff
from tilth.data.text_encoding import plain_text
from tilth.errors import UserError

CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=8
)


def rows_of(raw, name="t.csv"):
    table = read_delimited(raw, name)
    return [tuple(cell or "" for cell in row) for row in table.frame.rows()]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_what_the_csv_module_writes_is_read_back(rows):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *rows])
    table = read_delimited(stream.getvalue().encode(), "t.csv")
    assert [[cell or "" for cell in row] for row in table.frame.rows()] == rows
    assert table.names == ["a", "b", "c"]
    assert table.bad == []


def test_line_numbers_count_blank_lines_and_line_ends_inside_quotes():
    raw = b'\n\na,b\n1,2\n\n"x\ny",3\n4\n5,6\n   \n7,8,9\n'
    table = read_delimited(raw, "t.csv")
    assert table.frame.rows() == [("1", "2"), ("x\ny", "3"), ("5", "6")]
    assert table.lines.tolist() == [4, 6, 9]
    assert [(bad.item, bad.reason) for bad in table.bad] == [
        ("line 8", "1 field where the header has 2"),
        ("line 11", "3 fields where the header has 2"),
    ]


def test_a_last_line_without_line_end_is_read():
    assert rows_of(b"a,b\n1,2") == [("1", "2")]
    assert rows_of(b'a,b\n1,"2"') == [("1", "2")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end):
    assert rows_of(end.join(["a,b", "1,2", "3,4", ""]).encode()) == [("1", "2"), ("3", "4")]


def test_a_row_of_empty_fields_is_a_row_of_missing_values():
    assert rows_of(b"a,b\n,\n1,2\n") == [("", ""), ("1", "2")]
    assert rows_of(b"a\tb\n\t\n1\t2\n") == [("", ""), ("1", "2")]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_and_said(delimiter):
    raw = f"a{delimiter}b{delimiter}c\n1,5{delimiter}2{delimiter}x y\n"
    raw = raw.replace("1,5", "1" if delimiter == "," else "1,5").encode()
    assert sniff(raw) == delimiter
    table = read_delimited(raw, "t.csv")
    assert table.frame.width == 3
    assert any("separated by" in note for note in table.notes) == (delimiter != ",")


def test_mixed_delimiters_are_named_line_by_line():
    raw = b"a,b,c\n1,2,3\n4;5;6\n7,8,9\n1\t2\t3\n"
    table = read_delimited(raw, "t.csv")
    assert table.frame.height == 2
    assert [(bad.item, bad.reason) for bad in table.bad] == [
        ("line 3", "1 field where the header has 3 (it seems to be separated by semicolons)"),
        ("line 5", "1 field where the header has 3 (it seems to be separated by tabs)"),
    ]


def test_nul_bytes_and_damaged_letters_are_set_aside_by_line():
    raw = "name,n\nZoë,1\nJosé,2\nÅsa,3\n".encode() + b"a\x00b,4\nb\xffd,5\nlast,6\n"
    table = read_delimited(raw, "t.csv")
    assert [row[1] for row in table.frame.rows()] == ["1", "2", "3", "6"]
    assert [(bad.item, bad.reason) for bad in table.bad] == [
        ("line 5", "holds a NUL byte"),
        ("line 6", "holds bytes that are not UTF-8"),
    ]
    assert "t.csv is UTF-8 with 1 damaged bytes" in table.notes


def test_byte_order_marks_and_other_encodings_are_read_and_said():
    text = "größe,b\nmüde,1\n"
    for encoding, words in [
        ("utf-8-sig", "UTF-8 byte order mark"),
        ("utf-16", "UTF-16 byte order mark"),
        ("latin-1", "not UTF-8: read as Windows-1252"),
    ]:
        table = read_delimited(text.encode(encoding), "t.csv")
        assert table.names == ["größe", "b"], encoding
        assert table.frame.rows() == [("müde", "1")]
        assert any(words in note for note in table.notes)
    assert plain_text(b"a\x81\xe9", "t") == ("a\x81é".encode(), ["t is not UTF-8: read as Latin-1"])


def test_gzip_is_found_by_its_bytes_and_damage_is_said():
    packed = gzip.compress(b"a,b\n1,2\n")
    assert rows_of(packed, "no suffix") == [("1", "2")]
    with pytest.raises(UserError, match="damaged gzip"):
        read_delimited(packed[:-9], "t.csv.gz")


def test_quotes_after_spaces_and_within_words():
    table = read_delimited(b'a, b\n"x, y", "p\nq"\n5" pipe, "it""s"\n', "t.csv")
    assert table.frame.rows() == [("x, y", "p\nq"), ('5" pipe', 'it"s')]
    assert table.lines.tolist() == [2, 4]
    assert any("row by row" in note for note in table.notes)


def test_a_quote_that_never_closes_costs_its_line_only():
    good = "".join(f'{i},"text {i}"\n' for i in range(200))
    table = read_delimited(f'n,t\n7,"open\n{good}'.encode(), "t.csv")
    assert [(bad.item, bad.reason) for bad in table.bad] == [
        ("line 2", "a quote opens and never closes")
    ]
    assert table.frame.height == 200
    assert table.frame.row(199) == ("199", "text 199")
    assert table.lines[199] == 202


def test_quotes_that_never_pair_are_letters():
    raw = b"t\ty\n" + b'"Good" film\t1\nbad "film\t2\n"so so\t3\n' * 10
    table = read_delimited(raw, "t.tsv")
    assert table.bad == []
    assert [row[0] for row in table.frame.rows()][:3] == ['"Good" film', 'bad "film', '"so so']
    assert any("ordinary letters" in note for note in table.notes)


def test_bad_letters_are_set_aside_in_row_by_row_reading_too():
    raw = 'a, b\n"ö", "ü"\nä, 1\n'.encode() + b'x\x00, 2\ny\xff, "3"\n1,2,3\n'
    table = read_delimited(raw, "t.csv")
    assert table.frame.rows() == [("ö", "ü"), ("ä", "1")]
    assert [bad.item for bad in table.bad] == ["line 4", "line 5", "line 6"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "has a header line but no rows"),
        (b"a\x00\x00b\x00\x01\x00", "is not a text table"),
        (random.Random(0).randbytes(2000), "t.csv is not a text table"),
        (random.Random(1).randbytes(200), "t.csv is not a text table"),
    ],
)
def test_files_without_a_table_are_refused(raw, message):
    with pytest.raises(UserError, match=message):
        read_delimited(raw, "t.csv")


def test_a_lone_carriage_return_is_a_letter():
    assert read_delimited(b"a,b\nx,y\rz\n1,2\n", "t.csv").frame.rows()[1] == ("1", "2")


PLAIN_CELLS = st.text("ab1.\t ", max_size=3)


@given(st.lists(st.lists(PLAIN_CELLS, max_size=4), max_size=6), st.sampled_from([",", "\t"]))
@settings(max_examples=300, deadline=None)
def test_the_way_for_sound_files_refuses_or_agrees_with_the_careful_one(rows, delimiter):
    lines = ["x,y,z".replace(",", delimiter), *(delimiter.join(row) for row in rows)]
    text = ("\n".join(lines) + "\n").encode()
    quick, careful = delimited._sound(text, delimiter), delimited._fast(text, delimiter)
    if any(line.count(delimiter) != 2 for line in lines):
        assert quick is None
    if quick is not None:
        assert quick.frame.equals(careful.frame)
        assert quick.lines.tolist() == careful.lines.tolist()
        assert (quick.names, quick.bad) == (careful.names, careful.bad)


def test_a_sound_file_takes_the_quick_way():
    assert delimited._sound(b"a,b\n1,2\n,\n", ",").frame.rows() == [("1", "2"), (None, None)]
    assert delimited._sound(b"a,b\n1,2,3\n4\n", ",") is None  # as many commas as two good rows
