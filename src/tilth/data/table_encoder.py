"""From a table as a user has it to model inputs: the preprocessor of tables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.coded_text import plain
from tilth.data.dataset import IntArray
from tilth.data.dates import date_parts
from tilth.data.in_threads import blocks, in_threads
from tilth.data.table_codes import CategoryCode, NumberCode
from tilth.data.table_columns import Column
from tilth.data.table_read import read_frame
from tilth.data.table_values import as_date, as_number, as_text
from tilth.errors import UserError, nearest

_ENOUGH = 20  # rows of which none is known mean that the column is written otherwise


class TableInputs(NamedTuple):
    """What a model of a table takes.

    numbers: [B, n] float32, standardised, then the flags of missing values
    categories: [B, c] int64 ids, 0 for unknown
    """

    numbers: Tensor
    categories: Tensor


@dataclass(frozen=True)
class TableEncoder:
    """Encodes rows with what the training rows showed; every row by itself.

    columns: the columns that are used and how each is read
    numbers, categories: their codes, in the order of the outputs

    A column that is missing altogether is filled as if each value were missing, a category that
    is not known gets id 0, a column that is not used is ignored. Each is said once, as a warning.

    >>> frame = pl.DataFrame({"age": [20, 30, 40]})
    >>> encoder = TableEncoder.fit(frame, [Column("age", "number", "")], np.arange(3))
    >>> encoder([{"age": 30, "name": "Ada"}]).numbers
    tensor([[0.]])
    """

    columns: tuple[Column, ...]
    numbers: tuple[NumberCode, ...]
    categories: tuple[CategoryCode, ...]
    _said: set[str] = field(default_factory=set, compare=False, repr=False)

    kind: ClassVar[str] = "table"

    @classmethod
    def fit(cls, frame: pl.DataFrame, columns: Sequence[Column], rows: IntArray) -> TableEncoder:
        """Return the encoder with the statistics of the training ``rows`` of ``frame``."""
        used = tuple(column for column in columns if column.kind != "drop")
        fitted = in_threads(
            lambda column: _fit(column, frame[column.name][rows]), used, frame.height
        )
        codes = [code for column in fitted for code in column]
        return cls(
            used,
            tuple(code for code in codes if isinstance(code, NumberCode)),
            tuple(code for code in codes if isinstance(code, CategoryCode)),
        )

    @property
    def num_numbers(self) -> int:
        """Numbers per row, flags included."""
        return len(self.numbers) + sum(code.flag for code in self.numbers)

    @property
    def cardinalities(self) -> list[int]:
        """Ids per category column, 0 included."""
        return [code.cardinality for code in self.categories]

    def __call__(self, raw: Any) -> TableInputs:
        """Encode a frame, a path, a dict of columns, one row as a dict, or a list of rows.

        Raises UserError where the table has none of the columns the model knows.
        """
        frame = raw if isinstance(raw, pl.DataFrame) else read_frame(raw).frame
        self._warn_of_absent(frame)
        raw_numbers = self.raw_numbers(frame)
        inputs = self._encode(frame, raw_numbers)
        self._warn_of_unread(frame, raw_numbers, inputs.categories.numpy())
        return inputs

    def encode(self, frame: pl.DataFrame) -> TableInputs:
        """Encode the rows of a frame that is known to be sound, without a word.

        The ids take 32 bits, half the memory of those that a model is given.
        """
        rows = frame.height
        numbers = np.empty((rows, self.num_numbers), dtype=np.float32)
        categories = np.empty((rows, len(self.categories)), dtype=np.int32)

        def fill(block: slice) -> None:
            part = frame[block]
            found = self._encode(part, self.raw_numbers(part))
            numbers[block], categories[block] = found.numbers, found.categories

        in_threads(fill, blocks(rows), rows)
        return TableInputs(torch.from_numpy(numbers), torch.from_numpy(categories))

    def raw_numbers(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Return [rows, len(self.numbers)] values before any filling, nan where missing."""
        values = np.full((len(self.numbers), frame.height), np.nan)
        place = 0
        for column in self.columns:
            names = [code.part for code in self.numbers if code.column == column.name]
            if names and column.name in frame.columns:
                parts = _parts(column, frame[column.name])
                values[place : place + len(names)] = [parts[name] for name in names]
            place += len(names)
        return values.T

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        return {
            "kind": self.kind,
            "columns": [asdict(column) for column in self.columns],
            "numbers": [code.to_config() for code in self.numbers],
            "categories": [code.to_config() for code in self.categories],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableEncoder:
        """Read what ``to_config`` gave."""
        return cls(
            tuple(Column(**column) for column in config["columns"]),
            tuple(NumberCode(**code) for code in config["numbers"]),
            tuple(CategoryCode.from_config(code) for code in config["categories"]),
        )

    def _encode(self, frame: pl.DataFrame, raw: NDArray[np.float64]) -> TableInputs:
        columns = [code(raw[:, i]) for i, code in enumerate(self.numbers)]
        columns += [np.isnan(raw[:, i]) for i, code in enumerate(self.numbers) if code.flag]
        absent = pl.Series([None] * frame.height, dtype=pl.String)
        ids = [
            code(frame[code.column] if code.column in frame.columns else absent)
            for code in self.categories
        ]
        return TableInputs(
            torch.from_numpy(_side_by_side(columns, frame.height, np.float32)),
            torch.from_numpy(_side_by_side(ids, frame.height, np.int64)),
        )

    def _warn_of_absent(self, frame: pl.DataFrame) -> None:
        absent = [column.name for column in self.columns if column.name not in frame.columns]
        if len(absent) == len(self.columns):
            raise UserError(
                f"the table has none of the columns the model knows, but {frame.columns}",
                choices=absent,
                fix="name the columns as in the training table (does the file have a header?)",
            )
        for name in absent:
            guess = nearest(name, frame.columns)
            hint = f" (is it {guess!r}?)" if guess and guess not in self._names() else ""
            self._say(
                f"absent {name}", f"column {name!r} is not in the table{hint}: filled as missing"
            )

    def _warn_of_unread(
        self, frame: pl.DataFrame, raw: NDArray[np.float64], ids: NDArray[np.int64]
    ) -> None:
        for i, code in enumerate(self.numbers):
            if code.column in frame.columns and np.isnan(raw[:, i]).any():
                values = plain(frame[code.column])
                known = (as_text(values) if values.dtype == pl.String else values).is_not_null()
                if values.dtype.is_float():
                    known &= values.is_not_nan()  # how pandas says that a value is missing
                lost = values.filter(known & pl.Series(np.isnan(raw[:, i])))
                if len(lost):
                    text = f"{code.column!r} is {lost[0]!r} in a row: filled as missing"
                    self._say(f"unread {code.column}", text)
        for i, category in enumerate(self.categories):
            unknown = ids[:, i] == 0
            if len(unknown) >= _ENOUGH and unknown.all() and category.column in frame.columns:
                example = frame[category.column][0]
                text = f"no value of {category.column!r} is known, such as {example!r}"
                self._say(f"unknown {category.column}", text)

    def _names(self) -> set[str]:
        return {column.name for column in self.columns}

    def _say(self, what: str, text: str) -> None:
        """Warn once about one thing of one column, whatever values it turns up with."""
        if what not in self._said:
            self._said.add(what)
            warnings.warn(text, stacklevel=4)


def _fit(column: Column, train: pl.Series) -> list[NumberCode | CategoryCode]:
    """Return the codes of one column: a category's, or one for each number that has spread."""
    if column.kind in ("category", "boolean"):
        boolean = column.kind == "boolean"
        return [CategoryCode.fit(column.name, train, boolean=boolean, numeric=column.numeric)]
    parts = _parts(column, train).items()
    codes = [NumberCode.fit(column.name, part, values) for part, values in parts]
    return [code for code in codes if code is not None]


def _parts(column: Column, values: pl.Series) -> dict[str, NDArray[np.float64]]:
    """Return the numbers a column gives, nan where missing: itself, or the parts of a date."""
    if column.kind == "number":
        return {"": as_number(values, column.decimal).to_numpy().astype(np.float64)}
    return date_parts(as_date(values, column.form))


def _side_by_side(
    columns: Sequence[NDArray[Any]], rows: int, dtype: type[np.generic]
) -> NDArray[Any]:
    """Return [rows, columns]."""
    table = np.empty((rows, len(columns)), dtype=dtype)
    for i, column in enumerate(columns):
        table[:, i] = column
    return table
