import numpy as np
import polars as pl
import pytest

from tilth.data.in_threads import blocks, in_threads
from tilth.data.row_hash import column_hashes, row_hashes
from tilth.data.table_data import read_table

LONG = 600_000


def test_results_come_in_the_order_of_the_items_and_errors_are_raised():
    assert in_threads(lambda item: item * item, range(50), rows=LONG) == [i * i for i in range(50)]
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 // item, [1, 0], rows=LONG)


@pytest.mark.parametrize("rows", [0, 1, 1 << 18, (1 << 18) + 1, LONG])
def test_blocks_cover_every_row_once(rows):
    covered = [np.arange(rows)[block] for block in blocks(rows)]
    assert np.array_equal(np.concatenate([np.arange(0), *covered]), np.arange(rows))
    assert all(len(part) for part in covered)


def test_a_long_table_is_encoded_and_hashed_as_its_columns_are_whole():
    random = np.random.default_rng(0)
    kinds = np.array(["red", "green", "blue", None], dtype=object)
    frame = pl.DataFrame(
        {
            "size": random.normal(size=LONG),
            "colour": pl.Series(kinds[random.integers(0, 4, LONG)].tolist(), dtype=pl.String),
            "target": random.normal(size=LONG),
        }
    )
    hashes = row_hashes(dict(zip(frame.columns, frame, strict=True)))
    assert np.array_equal(hashes, sum(column_hashes(name, frame[name]) for name in frame.columns))
    data = read_table(frame, "target")
    train = frame[data.splits["train"]]["size"].to_numpy()
    expected = (frame["size"].to_numpy() - train.mean()) / train.std()
    assert np.array_equal(data.inputs.raw.numbers[:, 0].numpy(), expected.astype(np.float32))
    labels = data.preprocessor.categories[0].labels
    ids = [labels.index(colour) + 1 for colour in frame["colour"].head(1000)]
    assert data.inputs.raw.categories[:1000, 0].tolist() == ids
