"""What a column is taken for, and how to say otherwise."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tilth.data.table_columns import Column, choose_columns, describe_kinds, typed_values
from tilth.data.table_infer import infer
from tilth.errors import UserError

ROWS = 60


def columns_of(columns, rows=None, **options):
    raw = pl.DataFrame(columns)
    parsed = {name: infer(raw[name]) for name in raw.columns}
    rows = np.arange(raw.height) if rows is None else rows
    overrides, reserved = options.get("overrides", {}), options.get("reserved", {})
    chosen = choose_columns(raw, parsed, rows, overrides, reserved)
    return {column.name: column for column in chosen}


def kinds(columns, **options):
    return {name: column.kind for name, column in columns_of(columns, **options).items()}


def sentences(count):
    return [f"the {i} quick brown foxes jump" for i in range(count)]


def test_each_kind_is_recognised():
    found = columns_of(
        {
            "size": [str(i * 37 % 50 + 0.5) for i in range(ROWS)],
            "rooms": [str(i % 7) for i in range(ROWS)],
            "colour": ["red", "green", "blue"] * 20,
            "sold": ["yes", "no"] * 30,
            "flag": ["0", "1"] * 30,
            "when": [f"2024-01-{i % 28 + 1:02d}" for i in range(ROWS)],
            "zip": [f"0{i % 9}123" for i in range(ROWS)],
        }
    )
    assert {name: column.kind for name, column in found.items()} == {
        "size": "number", "rooms": "number", "colour": "category", "sold": "boolean",
        "flag": "boolean", "when": "date", "zip": "category",
    }  # fmt: skip
    assert found["when"].form == "%Y-%m-%d"
    assert found["rooms"].why == "whole numbers from 0 to 6"


def test_what_teaches_nothing_is_left_out_and_why():
    keep = {"x": [i % 5 for i in range(ROWS)]}
    found = columns_of(
        {
            **keep,
            "nothing": [None] * ROWS,
            "constant": ["a"] * ROWS,
            "uuid": [f"{i * 7919:08x}-ff" for i in range(ROWS)],
            "row": list(range(100, 100 + ROWS)),
            "customerId": [i * i * 1000 for i in range(ROWS)],
            "notes": sentences(ROWS),
            "rare": [f"word{i // 2}" for i in range(ROWS)],
            "lists": [[i] for i in range(ROWS)],
        }
    )
    doubts = {name: column.doubt for name, column in found.items() if column.kind == "drop"}
    assert doubts == {
        "nothing": "empty_column", "constant": "constant_column", "uuid": "id_column",
        "row": "id_column", "customerId": "id_column", "notes": "text_column",
        "rare": "id_column", "lists": "nested_column",
    }  # fmt: skip
    notes = describe_kinds(list(found.values()))
    assert "number: x" in notes
    assert "left out constant: is always a" in notes


def test_distinct_measurements_are_not_ids():
    prices = [1000 + 17 * i * i for i in range(ROWS)]
    assert kinds({"price": prices, "share": [i / 7 for i in range(ROWS)]}) == {
        "price": "number", "share": "number",
    }  # fmt: skip
    assert kinds({"x": [3, 1, 2], "name": ["ann", "bob", "cy"]}) == {
        "x": "number", "name": "category",
    }  # fmt: skip


def test_usefulness_is_judged_by_training_rows_and_types_by_all():
    values = ["7"] * 50 + ["8"] * 9 + ["many"]
    keep = {"x": [i % 5 for i in range(ROWS)]}
    found = columns_of({**keep, "a": values}, rows=np.arange(50))
    assert found["a"].kind == "drop"  # constant where it is learned
    found = columns_of({**keep, "a": values}, rows=np.arange(60))
    assert found["a"].kind == "category"  # one word makes it text
    assert found["a"].doubt == "numbers_as_text"
    assert "1 are not ('many')" in found["a"].why
    assert 'columns={"a": "number"}' in found["a"].why


def test_one_value_or_missing_tells_by_its_absence():
    values = ["7", ""] * 30
    assert columns_of({"a": values})["a"] == Column(
        "a", "category", "is 7 or missing", numeric=True
    )


def test_dates_in_doubt_and_numbers_with_signs_are_marked():
    found = columns_of({"d": ["01/02/2024", "03/04/2024"] * 30, "p": ["$1,200", "$900"] * 30})
    assert found["d"].doubt == "ambiguous_dates"
    assert found["p"].doubt == "numbers_as_text"
    assert "$1,200" in found["p"].why


def typed(name, values, override):
    raw = pl.DataFrame({name: values, "x": list(range(len(values)))})
    parsed = {column: infer(raw[column]) for column in raw.columns}
    column = choose_columns(raw, parsed, np.arange(len(values)), {name: override}, {})[0]
    return column, typed_values(column, raw[name], parsed[name])


def test_every_inference_can_be_overridden():
    column, values = typed("zip", ["501", "501", "10001"], "category")
    assert (column.kind, values.to_list()) == ("category", ["501", "501", "10001"])
    column, values = typed("zip", ["501.0", "501", "x"], "category")
    assert values.to_list() == ["501.0", "501", "x"]
    column, values = typed("zip", ["501.0", "501", "7"], "category")
    assert values.to_list() == ["501", "501", "7"]
    column, values = typed("price", ["$1,200", "about 7", "NA"], "number")
    assert values.to_list() == [1200.0, None, None]
    assert "1 values cannot be read and count as missing, such as 'about 7'" in column.why
    column, values = typed("price", ["1.200,5", "3,14", "7"], "number")
    assert (column.decimal, values.to_list()) == (",", [1200.5, 3.14, 7.0])
    column, values = typed("on", ["1", "2", "0"], "boolean")
    assert values.to_list() == [True, None, False]
    column, values = typed("d", ["01/02/2024", "03/04/2024"], "date:%d/%m/%Y")
    assert values.to_list()[0] == dt.datetime(2024, 2, 1)
    column, values = typed("d", ["2024-01-01", "unclear", "2024-03-04"], "date")
    assert values.to_list()[1:] == [None, dt.datetime(2024, 3, 4)]
    assert typed("x2", [1, 2, 3], "drop")[0].kind == "drop"


def test_wrong_overrides_are_refused_with_the_likely_name():
    with pytest.raises(UserError, match=r"unknown column 'colur'.*did you mean 'colour'"):
        columns_of({"colour": ["a", "b"], "x": [1, 2]}, overrides={"colur": "category"})
    with pytest.raises(UserError, match=r"unknown column kind 'categry'.*did you mean 'category'"):
        columns_of({"colour": ["a", "b"], "x": [1, 2]}, overrides={"colour": "categry"})
    with pytest.raises(UserError, match="dates of column 'x' are in no known format"):
        columns_of({"x": ["a", "b"]}, overrides={"x": "date"})


def test_a_table_with_nothing_left_says_why_for_each_column():
    with pytest.raises(UserError, match=r"no column is left.*y: is the target; c: is always 1"):
        columns_of({"y": [1, 2], "c": [1, 1]}, reserved={"y": "is the target"})
