"""Rows of numbers that are in memory already: a table whose columns have no names."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.dataset import IntArray, Prepare, as_they_are
from tilth.data.resident_store import ResidentStore
from tilth.data.split import FRACTIONS
from tilth.data.table_codes import NumberCode
from tilth.data.table_data import TableData, read_table
from tilth.data.table_encoder import TableEncoder, TableInputs
from tilth.errors import UserError

TARGET = "target"  # what the column of targets is called


@dataclass(frozen=True)
class ArrayEncoder(TableEncoder):
    """Encodes rows of an array, whose columns are x0, x1, ... in a frame.

    width: columns of the array
    plain: whether to give [B, width] float32, a standardised number for each column of the array
    (a missing value becomes the training median, a column that never varies 0); what a
    TableEncoder gives otherwise
    """

    width: int = 0
    plain: bool = False

    @classmethod
    def beside(cls, encoder: TableEncoder, width: int, *, plain: bool = False) -> ArrayEncoder:
        """Return an encoder of arrays with the statistics of ``encoder``."""
        return cls(encoder.columns, encoder.numbers, encoder.categories, width=width, plain=plain)

    def __call__(self, raw: Any) -> Any:
        """Encode what a TableEncoder takes, or an array [B, width]."""
        is_array = isinstance(raw, np.ndarray | Tensor)
        inputs = super().__call__(named(as_rows(raw)) if is_array else raw)
        return self.side_by_side(inputs) if self.plain else inputs

    def restored(self, inputs: Tensor) -> NDArray[np.float64]:
        """Return rows [B, width] in the array's own units for plain inputs [B, width].

        Raises UserError where a column has no numbers to go back to, for it never varied.
        """
        lacking = sorted({*range(self.width)} - {_place(code) for code in self.numbers})
        if lacking:
            raise UserError(
                f"columns that never vary: {', '.join(f'x{place}' for place in lacking)}",
                rule="a column that never varies cannot be made up",
                fix="leave them out",
            )
        codes = sorted(self.numbers, key=_place)
        scale, mean = (np.array(v) for v in zip(*((c.scale, c.mean) for c in codes), strict=True))
        found: NDArray[np.float64] = inputs.double().cpu().numpy() * scale + mean
        return found

    def side_by_side(self, inputs: TableInputs) -> Tensor:
        """Return [B, width]: each encoded number in the place of its column."""
        places = [_place(code) for code in self.numbers]
        numbers = inputs.numbers[:, : len(places)]  # what follows are flags of missing values
        if places == list(range(self.width)):
            return numbers
        found = numbers.new_zeros((len(numbers), self.width))
        found[:, torch.tensor(places, dtype=torch.int64, device=numbers.device)] = numbers
        return found

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        return {**super().to_config(), "width": self.width, "plain": self.plain}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ArrayEncoder:
        """Read what ``to_config`` gave."""
        encoder = TableEncoder.from_config(config)
        return cls.beside(encoder, int(config["width"]), plain=bool(config["plain"]))


@dataclass(kw_only=True, repr=False)
class ArrayTable(TableData):
    """A table made of an array; a network of one's own gets its rows as a plain tensor."""

    preprocessor: ArrayEncoder

    def plain(self) -> ArrayTable:
        """Return the same rows for a model that takes [B, columns] float32."""
        encoder = dataclasses.replace(self.preprocessor, plain=True)
        return dataclasses.replace(self, preprocessor=encoder)

    @property
    def store(self) -> ResidentStore:
        """The encoded inputs of all rows; the numbers side by side where those are wanted."""
        return self._plain_rows if self.preprocessor.plain else self.inputs

    @functools.cached_property
    def _plain_rows(self) -> ResidentStore:
        return ResidentStore(self.preprocessor.side_by_side(self.inputs.raw))

    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        """Return the batch transform: plain rows are whole already."""
        return as_they_are if self.preprocessor.plain else super().prepare(train=train, seed=seed)

    def with_splits(self, splits: Mapping[str, IntArray]) -> ArrayTable:
        """Return the same rows split otherwise, with all statistics from the new train rows."""
        return _of_arrays(super().with_splits(splits), plain=self.preprocessor.plain)


def array_table(
    inputs: Any,
    targets: Any = None,
    *,
    task: str | None = None,
    splits: Mapping[str, Any] | None = None,
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    max_bad: float = 0.01,
) -> TableData:
    """Make a table of ``inputs`` [N, columns] and ``targets`` [N]; the columns are x0, x1, ...

    Without targets nothing is wanted of the rows.

    Numbers stay numbers, however few values they take. Raises UserError for lengths that differ,
    and where more than ``max_bad`` of the rows have no target.

    >>> array_table(np.arange(80).reshape(40, 2) % 7, np.arange(40) % 2).plain().preprocessor.width
    2
    """
    array = as_rows(inputs)
    if array.shape[1] == 0:
        raise UserError(f"an array of shape {array.shape}", rule="there must be a column to learn")
    frame = named(array)
    if targets is not None:
        frame = frame.with_columns(_column(targets, len(array)))
    is_numeric = array.dtype.kind in "biuf"
    # one that never varies is left to the inference, which says so
    varied = [i for i in range(array.shape[1]) if is_numeric and not _constant(array[:, i])]
    found = read_table(
        frame,
        None if targets is None else TARGET,
        task=task,
        columns={f"x{i}": "number" for i in varied},
        splits=splits,
        split_seed=split_seed,
        fractions=fractions,
        max_bad=max_bad,
    )
    return _of_arrays(found) if is_numeric else found


def _column(targets: Any, rows: int) -> pl.Series:
    values = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if len(values) != rows:
        raise UserError(f"{rows} rows and {len(values)} targets", rule="each row has one target")
    return pl.Series(TARGET, values)


def _of_arrays(table: TableData, *, plain: bool = False) -> ArrayTable:
    """Return a table whose columns are those of an array."""
    parts = {part.name: getattr(table, part.name) for part in dataclasses.fields(table)}
    width = sum(column.name != TARGET for column in table.columns)
    encoder = ArrayEncoder.beside(table.preprocessor, width, plain=plain)
    return ArrayTable(**{**parts, "preprocessor": encoder})


def named(array: NDArray[Any]) -> pl.DataFrame:
    """Return [N, columns] as a frame with the columns x0, x1, ...; truth values as 0 and 1."""
    plain = array.astype(np.uint8) if array.dtype.kind == "b" else array
    return pl.DataFrame({f"x{i}": np.ascontiguousarray(plain[:, i]) for i in range(plain.shape[1])})


def as_rows(values: Any) -> NDArray[Any]:
    """Return an array or a tensor of any device as [rows, columns]; raise UserError otherwise."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 2:
        raise UserError(f"an array of shape {array.shape}", rule="a table is [rows, columns]")
    return array


def _constant(values: NDArray[Any]) -> bool:
    return len(values) == 0 or bool((values == values[0]).all())


def _place(code: NumberCode) -> int:
    """Return the column of the array that a number comes from."""
    return int(code.column.removeprefix("x"))
