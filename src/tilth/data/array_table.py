"""Rows of numbers that are in memory already: a table whose columns have no names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth.data.dataset import IntArray
from tilth.data.split import FRACTIONS
from tilth.data.table_columns import Column
from tilth.data.table_data import TableData, read_table
from tilth.data.table_encoder import TableEncoder, TableInputs
from tilth.errors import UserError


@dataclass(frozen=True)
class ArrayEncoder(TableEncoder):
    """Encodes rows as [B, width] float32: a standardised number for each column of the array.

    A missing value becomes the training median; a column that never varies becomes 0.
    width: columns of the array, named x0, x1, ... in a frame
    """

    width: int = 0

    @classmethod
    def beside(cls, encoder: TableEncoder, width: int) -> ArrayEncoder:
        """Return an encoder of arrays with the statistics of ``encoder``."""
        return cls(encoder.columns, encoder.numbers, encoder.categories, width=width)

    def __call__(self, raw: Any) -> Any:
        """Encode what a TableEncoder takes, or an array [B, width]."""
        array = _array(raw) if isinstance(raw, np.ndarray | Tensor) else None
        return self.side_by_side(super().__call__(raw if array is None else named(array)))

    def side_by_side(self, inputs: TableInputs, *_: Any) -> Tensor:
        """Return [B, width]: each encoded number in the place of its column."""
        places = [int(code.column.removeprefix("x")) for code in self.numbers]
        numbers = inputs.numbers[:, : len(places)]  # what follows are flags of missing values
        if places == list(range(self.width)):
            return numbers
        found = numbers.new_zeros((len(numbers), self.width))
        found[:, torch.tensor(places, dtype=torch.int64, device=numbers.device)] = numbers
        return found

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        return {**super().to_config(), "width": self.width}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ArrayEncoder:
        """Read what ``to_config`` gave."""
        return cls.beside(TableEncoder.from_config(config), int(config["width"]))


@dataclass(kw_only=True, repr=False)
class ArrayTable(TableData):
    """A table made of an array; a network of one's own gets its rows as a plain tensor."""

    def plain(self) -> ArrayTable:
        """Return the same rows for a model that takes [B, columns] float32."""
        width = _width(self.columns)
        return dataclasses.replace(self, preprocessor=ArrayEncoder.beside(self.preprocessor, width))

    def prepare(self, *, train: bool, seed: int = 0) -> Any:
        """Return the batch transform: the numbers side by side where a plain tensor is wanted."""
        if isinstance(self.preprocessor, ArrayEncoder):
            return self.preprocessor.side_by_side
        return super().prepare(train=train, seed=seed)

    def with_splits(self, splits: Mapping[str, IntArray]) -> ArrayTable:
        """Return the same rows split otherwise, with all statistics from the new train rows."""
        other = super().with_splits(splits)
        assert isinstance(other, ArrayTable)
        return other.plain() if isinstance(self.preprocessor, ArrayEncoder) else other


def array_table(
    inputs: Any,
    targets: Any,
    *,
    task: str | None = None,
    splits: Mapping[str, Any] | None = None,
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
) -> TableData:
    """Make a table of ``inputs`` [N, columns] and ``targets`` [N]; the columns are x0, x1, ...

    Numbers stay numbers, however few values they take. Raises UserError for lengths that differ.

    >>> array_table(np.arange(80).reshape(40, 2) % 7, np.arange(40) % 2).plain().preprocessor.width
    2
    """
    array = _array(inputs)
    values = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if len(values) != len(array):
        raise UserError(
            f"{len(array)} rows and {len(values)} targets", rule="each row has one target"
        )
    frame = named(array).with_columns(pl.Series("target", values))
    is_numeric = array.dtype.kind in "biuf"
    # one that never varies is left to the inference, which says so
    varied = [i for i in range(array.shape[1]) if is_numeric and not _constant(array[:, i])]
    found = read_table(
        frame,
        "target",
        task=task,
        columns={f"x{i}": "number" for i in varied},
        splits=splits,
        split_seed=split_seed,
        fractions=fractions,
    )
    if not is_numeric:
        return found
    parts = {part.name: getattr(found, part.name) for part in dataclasses.fields(found)}
    return ArrayTable(**parts)


def named(array: NDArray[Any]) -> pl.DataFrame:
    """Return [N, columns] as a frame with the columns x0, x1, ...; truth values as 0 and 1."""
    plain = array.astype(np.uint8) if array.dtype.kind == "b" else array
    return pl.DataFrame({f"x{i}": np.ascontiguousarray(plain[:, i]) for i in range(plain.shape[1])})


def _array(values: Any) -> NDArray[Any]:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 2:
        raise UserError(f"an array of shape {array.shape}", rule="a table is [rows, columns]")
    return array


def _constant(values: NDArray[Any]) -> bool:
    return len(values) == 0 or bool((values == values[0]).all())


def _width(columns: Sequence[Column]) -> int:
    return len(columns) - 1  # all but the target
