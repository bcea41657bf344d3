"""Coded texts against the same work on plain ones."""

import numpy as np
import polars as pl
import pytest

from tilth.data.coded_text import by_code, categories, is_coded, plain, text_type, user_column
from tilth.data.row_hash import column_hashes
from tilth.data.table_codes import CategoryCode
from tilth.data.table_data import read_table
from tilth.data.table_infer import infer
from tilth.data.table_values import as_text


@pytest.fixture
def texts() -> pl.Series:
    chosen = np.random.default_rng(0).integers(0, 6, 400)
    return pl.Series("kind", ["b", "a", None, " c ", "NA", "d\u00e9"]).gather(chosen).alias("kind")


def coded(texts: pl.Series) -> pl.Series:
    return texts.cast(pl.Enum(texts.drop_nulls().unique()))


def test_few_distinct_texts_are_coded_and_many_are_not():
    assert text_type(pl.Series(["a", "b"]), 8) == pl.Enum(["a", "b"])
    assert text_type(pl.Series(["a", "b", "c"]), 8) == pl.String


def test_results_by_code_are_those_of_each_text(texts):
    codes = coded(texts)
    lengths = by_code(codes, categories(codes).str.len_bytes())
    assert lengths.to_list() == texts.str.len_bytes().to_list()
    assert lengths.name == "kind"


@pytest.mark.parametrize(
    "function",
    [as_text, lambda s: pl.Series(column_hashes("kind", s)), plain],
    ids=["text", "hash", "plain"],
)
def test_coded_and_plain_texts_give_the_same(texts, function):
    assert function(coded(texts)).to_list() == function(texts).to_list()


def test_categories_have_the_same_labels_and_ids(texts):
    plain_code, coded_code = (CategoryCode.fit("kind", s) for s in (texts, coded(texts)))
    assert plain_code == coded_code
    later = pl.Series(["a", "never seen", None, "b"])
    for values in (texts, later):
        assert plain_code(values).tolist() == plain_code(coded(values)).tolist()


def test_inferred_columns_are_the_same_whichever_way_texts_came(texts):
    for column in (texts, pl.Series("kind", ["1", "?", "2"] * 9), pl.Series(["yes", "No"] * 9)):
        from_texts, from_codes = infer(column), infer(coded(column))
        assert from_texts.values.dtype == from_codes.values.dtype
        assert from_texts.values.to_list() == from_codes.values.to_list()
        assert from_texts.missing == from_codes.missing
    assert is_coded(infer(texts).values)
    assert categories(infer(texts).values).to_list() == ["a", "b", "c", "d\u00e9"]


def test_a_users_enum_is_declared_and_no_coding_of_ours():
    column = pl.Series("level", ["1", "2", "3"] * 30, dtype=pl.Enum(["1", "2", "3"]))
    assert user_column(column).dtype == pl.Categorical
    rows = {"level": column, "sold": [0.5 * i for i in range(90)]}
    data = read_table(pl.DataFrame(rows), "sold")
    level = data.columns[0]
    assert (level.kind, level.why) == ("category", "categories, as the frame says")
