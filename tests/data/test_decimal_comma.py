"""Numbers with a decimal comma are read as such where nothing else can be meant."""

import numpy as np
import polars as pl
import pytest

from tilth.data.decimal_comma import comma_numbers, decimal_mark
from tilth.data.table_data import read_table
from tilth.data.table_encoder import TableEncoder


@pytest.mark.parametrize(
    "texts, numbers",
    [
        (["0,37", "12", None, "-1,5"], [0.37, 12.0, None, -1.5]),
        (["0,375", "0,125"], [0.375, 0.125]),  # no thousand begins with 0
        (["1.234,5", "6.000"], [1234.5, 6000.0]),
        (["1,5E-3", ",5"], [0.0015, 0.5]),
        (["1,234", "5,678"], None),  # perhaps thousands
        (["45,000", "52,500", "61,250", "1,2000"], None),  # thousands, and a slip
        (["45,0", "52,5", "61,250", "1,2000"], [45.0, 52.5, 61.25, 1.2]),
        (["1.500", "2,5"], None),  # perhaps 1.5 beside 2.5
        (["0.375", "2,5"], None),
        (["007,5", "1,5"], None),
        (["1,5", "much"], None),
        (["1,5 %", "2"], None),
    ],
)
def test_a_column_is_read_with_a_decimal_comma_only_without_doubt(texts, numbers):
    found = comma_numbers(pl.Series(texts, dtype=pl.String))
    assert (None if found is None else found.to_list()) == numbers


def test_a_value_after_many_is_looked_at_too():
    assert comma_numbers(pl.Series([f"{i},5" for i in range(5000)] + ["more"])) is None


def test_the_mark_that_reads_more_is_taken():
    assert decimal_mark(pl.Series([*map(str, range(2000)), "1,5"])) == ","
    assert decimal_mark(pl.Series(["red", "blue,5"])) == "."


def rows(count=200):
    draw = np.random.default_rng(0)
    width, price = draw.normal(size=count).round(3), draw.normal(size=count).round(2)
    return width, price, draw.choice(["red", "blue"], count)


def written(path, separator, mark="{}"):
    table = [separator.join(("width", "colour", "price"))]
    for width, price, colour in zip(*rows(), strict=True):
        texts = [mark.format(str(number).replace(".", ",")) for number in (width, price)]
        table.append(separator.join((texts[0], colour, texts[1])))
    path.write_text("\n".join(table) + "\n")
    return path


def test_a_file_of_semicolons_has_numbers_with_a_decimal_comma(tmp_path):
    data = read_table(written(tmp_path / "a.csv", ";"), "price")
    width, price, _ = rows()
    assert data.target.kind == "number"
    np.testing.assert_array_equal(data.frame["price"].to_numpy(), price)
    np.testing.assert_array_equal(data.frame["width"].to_numpy(), width)
    assert "the comma is the decimal mark of width, price" in data.notes
    again = TableEncoder.from_config(data.preprocessor.to_config())
    comma = again([{"width": "1,25", "colour": "red"}]).numbers
    assert comma.tolist() == again([{"width": 1.25, "colour": "red"}]).numbers.tolist()
    assert comma.tolist() != again([{"width": "0,25", "colour": "red"}]).numbers.tolist()


def test_in_a_file_of_commas_it_is_doubted_and_read_on_demand(tmp_path):
    path = written(tmp_path / "a.csv", ",", '"{}"')
    data = read_table(path, "colour")
    assert "numbers_as_text" in {finding.code for finding in data.findings()}
    wanted = read_table(path, "price", task="regress", columns={"width": "number"})
    np.testing.assert_array_equal(wanted.frame["width"].to_numpy(), rows()[0])
    np.testing.assert_array_equal(wanted.labels.to_numpy(), rows()[1])
