"""The encoder against scikit-learn's imputer, scaler and ordinal encoder."""

import datetime as dt
import json
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from tilth.data.table_codes import CategoryCode, NumberCode
from tilth.data.table_columns import Column
from tilth.data.table_encoder import TableEncoder
from tilth.errors import UserError

COLUMNS = [
    Column("age", "number", ""),
    Column("gain", "number", ""),
    Column("city", "category", ""),
    Column("sold", "boolean", ""),
    Column("when", "date", "", form="%Y-%m-%d"),
    Column("note", "drop", ""),
]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    days = [dt.datetime(2023, 1, 1) + dt.timedelta(days=int(i) * 11) for i in range(80)]
    return pl.DataFrame(
        {
            "age": [None if i % 9 == 0 else int(v) for i, v in enumerate(rng.integers(18, 90, 80))],
            "gain": rng.lognormal(3, 2, 80),
            "city": [None if i % 8 == 0 else "abcde"[i % 5] for i in range(80)],
            "sold": [i % 3 == 0 for i in range(80)],
            "when": days,
            "note": ["text"] * 80,
        }
    )


@pytest.fixture
def encoder(frame):
    return TableEncoder.fit(frame, COLUMNS, np.arange(0, 80, 2))


def test_numbers_are_those_of_imputer_and_scaler(frame, encoder):
    raw = frame.select("age", "gain").to_numpy()
    imputer = SimpleImputer(strategy="median").fit(raw[::2])
    scaler = StandardScaler().fit(imputer.transform(raw[::2]))
    expected = scaler.transform(imputer.transform(raw))
    numbers = encoder.encode(frame).numbers
    assert numbers.dtype == torch.float32
    np.testing.assert_allclose(numbers[:, :2], expected, rtol=2e-6, atol=1e-6)
    names = [code.name for code in encoder.numbers]
    assert names[:2] == ["age", "gain"]
    assert np.array_equal(numbers[:, -1], np.isnan(raw[:, 0]))  # the flag of age, the only one
    assert numbers.shape == (80, encoder.num_numbers) == (80, len(names) + 1)


@given(st.lists(st.floats(-1e149, 1e149), min_size=2, max_size=30))
def test_whatever_the_training_values_the_code_is_finite_and_monotone(values):
    train = np.array(values)
    code = NumberCode.fit("x", "", train)
    if code is None:
        assert train.std() == 0 or train.min() == train.max()
        return
    coded = code(np.sort(np.append(train, [-1e149, 0.0, 1e149])))
    assert np.isfinite(coded).all()
    assert np.all(np.diff(coded) >= -1e-9)
    assert NumberCode(**json.loads(json.dumps(code.to_config()))) == code


def test_categories_are_those_of_the_ordinal_encoder(frame, encoder):
    cities = frame["city"].fill_null("missing").to_numpy().reshape(-1, 1)
    oracle = OrdinalEncoder(
        categories=[["a", "b", "c", "d", "e", "missing"]],
        handle_unknown="use_encoded_value",
        unknown_value=-1,
    ).fit(cities[::2])
    ids = encoder.encode(frame).categories
    assert np.array_equal(ids[:, 0], oracle.transform(cities)[:, 0] + 1)
    assert encoder.cardinalities == [7, 3]
    assert np.array_equal(ids[:, 1], frame["sold"].cast(pl.Int64).to_numpy() + 1)


def test_date_parts_are_standardised_and_those_that_never_change_are_left_out(frame, encoder):
    parts = [code.part for code in encoder.numbers if code.column == "when"]
    assert parts == ["year", "month", "day", "weekday", "day_of_year", "elapsed_seconds"]  # no hour
    months = frame["when"].dt.month().to_numpy()
    place = [code.name for code in encoder.numbers].index("when.month")
    expected = (months - months[::2].mean()) / months[::2].std()
    np.testing.assert_allclose(encoder.encode(frame).numbers[:, place], expected, rtol=1e-5)


def test_a_row_alone_gives_the_same_bits_as_in_a_batch(frame, encoder):
    whole = encoder.encode(frame)
    shuffled = encoder.encode(frame[np.arange(80)[::-1]])
    for row in range(80):
        alone = encoder([frame.row(row, named=True)])
        for part, batch, reverse in zip(alone, whole, shuffled, strict=True):
            assert torch.equal(part[0], batch[row])
            assert torch.equal(part[0], reverse[79 - row])


def test_texts_of_a_file_and_pandas_frames_give_the_same_bits(frame, encoder, tmp_path):
    whole = encoder.encode(frame)
    path = tmp_path / "t.csv"
    frame.with_columns(pl.col("when").dt.strftime("%Y-%m-%d")).write_csv(path, null_value="?")
    table = frame.to_dict(as_series=False)
    for other in (path, str(path), table, pd.DataFrame(table), frame.lazy()):
        for part, expected in zip(encoder(other), whole, strict=True):
            assert torch.equal(part, expected), type(other)


def test_statistics_come_from_training_rows_only(frame):
    rows = np.arange(40)
    changed = frame.with_columns(
        gain=pl.when(pl.arange(80) >= 40).then(1e9).otherwise(pl.col("gain")),
        city=pl.when(pl.arange(80) >= 40).then(pl.lit("new")).otherwise(pl.col("city")),
    )
    one, two = (TableEncoder.fit(table, COLUMNS, rows) for table in (frame, changed))
    assert one.to_config() == two.to_config()


def test_unknown_and_rare_categories_are_zero(encoder):
    city = CategoryCode.fit("c", pl.Series(["a"] * 5 + ["b"] * 3 + ["rare"] * 2 + [None] * 2))
    assert city.labels == ("a", "b")
    ids = city(pl.Series(["b", "a", "rare", "never seen", None, " a "]))
    assert ids.tolist() == [2, 1, 0, 0, 0, 1]
    with_missing = CategoryCode.fit("c", pl.Series(["a"] * 3 + [None] * 3))
    assert with_missing.labels == ("a", None)
    assert with_missing(pl.Series(["a", None, "x"])).tolist() == [1, 2, 0]
    assert with_missing(pl.Series([None, None])).tolist() == [2, 2]


def test_the_commonest_categories_are_kept_of_very_many():
    texts = [f"c{i}" for i in range(6000) for _ in range(3)] + ["often"] * 5
    code = CategoryCode.fit("c", pl.Series(texts))
    assert code.cardinality == 5001
    assert code(pl.Series(["often"]))[0] > 0


def test_flags_exist_where_training_can_learn_them():
    values = np.arange(1000.0)
    assert NumberCode.fit("x", "", values).flag is False
    few = values.copy()
    few[:4] = np.nan
    assert NumberCode.fit("x", "", few).flag is False  # 0.4 %
    few[:5] = np.nan
    assert NumberCode.fit("x", "", few).flag is True
    assert NumberCode.fit("x", "", np.full(9, 3.0)) is None
    assert NumberCode.fit("x", "", np.full(9, np.nan)) is None


def test_newly_missing_values_and_columns_are_filled_and_said_once(frame, encoder):
    whole = encoder.encode(frame)
    gap = frame.with_columns(gain=pl.lit(None, dtype=pl.Float64))
    filled = encoder.encode(gap).numbers[:, 1]
    median = np.median(frame["gain"].to_numpy()[::2])
    code = encoder.numbers[1]
    expected = np.float32((median - code.mean) / code.scale)
    assert torch.equal(filled, torch.full((80,), float(expected)))
    with pytest.warns(UserWarning, match="column 'gain' is not in the table: filled as missing"):
        inputs = encoder(frame.drop("gain"))
    assert torch.equal(inputs.numbers[:, 1], filled)
    assert torch.equal(inputs.categories, whole.categories)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder(frame.drop("gain").with_columns(extra=pl.lit(1)))  # said already; extra ignored
    renamed = frame.rename({"city": "City "})
    with pytest.warns(UserWarning, match=r"'city' is not in the table \(is it 'City '\?\)"):
        ids = encoder(renamed).categories[:, 0]
    assert ids.tolist() == [encoder.cardinalities[0] - 1] * 80  # as missing


def test_values_that_cannot_be_read_are_missing_and_said(frame, encoder):
    row = {**frame.row(1, named=True), "gain": "lots"}
    with pytest.warns(UserWarning, match="'gain' is 'lots' in a row: filled as missing"):
        numbers = encoder(row).numbers
    assert torch.isfinite(numbers).all()
    shouted = frame.with_columns(city=pl.col("city").str.to_uppercase())
    with pytest.warns(UserWarning, match="no value of 'city' is known, such as 'B'"):
        encoder(shouted.drop_nulls("city"))


ODD = {
    "categorical": pl.Series(["a", "b", None], dtype=pl.Categorical),
    "enum": pl.Series(["a", "b", None], dtype=pl.Enum(["a", "b"])),
    "decimal": pl.Series([Decimal("1.5"), None, Decimal("7")]),
    "null": pl.Series([None] * 3),
    "boolean": pl.Series([True, None, False]),
    "date": pl.Series([dt.date(2020, 1, 1)] * 3),
    "moment": pl.Series([dt.datetime(2020, 1, 1, 5)] * 3, dtype=pl.Datetime("ns", "UTC")),
    "time": pl.Series([dt.time(1)] * 3),
    "duration": pl.Series([dt.timedelta(1)] * 3),
    "large": pl.Series([2**64 - 1, 1, None], dtype=pl.UInt64),
    "float32": pl.Series([1.5, float("nan"), float("inf")], dtype=pl.Float32),
    "list": pl.Series([[1], [2], None]),
    "struct": pl.Series([{"a": 1}] * 3),
    "object": pl.Series([object()] * 3, dtype=pl.Object),
    "bytes": pl.Series([b"a"] * 3),
    "text": pl.Series(["a", "NA", "7"]),
    "no rows": pl.Series([], dtype=pl.String),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore")
def test_any_type_in_any_column_is_encoded_or_counts_as_missing(frame, encoder, name):
    rows = len(ODD[name])
    for column in encoder.columns:
        odd = frame.head(rows).drop(column.name).with_columns(ODD[name].alias(column.name))
        numbers, ids = encoder(odd)
        assert numbers.shape == (rows, encoder.num_numbers)
        assert torch.isfinite(numbers).all()
        assert ((ids >= 0) & (ids < torch.tensor(encoder.cardinalities))).all()
        for row in range(rows):
            alone = encoder(odd[row : row + 1])
            assert torch.equal(alone.numbers[0], numbers[row])
            assert torch.equal(alone.categories[0], ids[row])


def test_a_table_of_other_columns_is_refused(encoder):
    with pytest.raises(UserError, match=r"none of the columns the model knows, but \['a'\]"):
        encoder({"a": [1]})


@given(st.lists(st.floats(width=64) | st.none(), min_size=1, max_size=5))
def test_whatever_the_number_the_input_is_finite(values):
    code = NumberCode("x", "", 0.5, 1e-3, 1e-4, True)
    encoder = TableEncoder((Column("x", "number", ""),), (code,), ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbers = encoder({"x": pl.Series(values, dtype=pl.Float64, strict=False)}).numbers
    assert torch.isfinite(numbers).all()


def test_the_config_is_plain_json_and_brings_the_encoder_back(frame, encoder):
    text = json.dumps(encoder.to_config(), allow_nan=False)
    again = TableEncoder.from_config(json.loads(text))
    assert again == encoder
    for part, expected in zip(again(frame), encoder(frame), strict=True):
        assert torch.equal(part, expected)
    assert json.loads(text)["kind"] == "table" == TableEncoder.kind
