"""How one column becomes numbers or category ids, with statistics of the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.coded_text import by_code, categories, is_coded
from tilth.data.table_columns import FEWEST_PER_CATEGORY
from tilth.data.table_values import NESTED, as_boolean, as_text

Numbers = NDArray[np.float64]
MOST_CATEGORIES = 5000  # an embedding of more rarely pays; the commonest are kept
_FLAG_SHARE = 0.005  # of the training rows missing, from which a flag can be learned


@dataclass(frozen=True)
class NumberCode:
    """A number filled with the training median, then standardised.

    column: where it comes from; part: which part of a date, else ""
    fill: replaces a missing value; mean, scale: of the filled training values
    flag: whether a second number says 1 where the value was missing. There is one only where
        enough training rows lack a value: an input that is always 0 in training has weights
        that nothing taught, and would do harm the first time it is 1.
    """

    column: str
    part: str
    fill: float
    mean: float
    scale: float
    flag: bool

    @property
    def name(self) -> str:
        """The column, and the part of the date."""
        return f"{self.column}.{self.part}" if self.part else self.column

    def __call__(self, values: Numbers) -> Numbers:
        """Return [rows] standardised numbers for [rows] values, nan where missing.

        Only additions, products and quotients, which IEEE 754 rounds the same for one value as
        for a vector of them: a row alone gives the same bits as in a batch.
        """
        filled = np.where(np.isnan(values), self.fill, values)
        with np.errstate(over="ignore"):
            z = (filled - self.mean) / self.scale
        return np.asarray(np.clip(z, -1e6, 1e6))  # float32 must stay finite

    @classmethod
    def fit(cls, column: str, part: str, train: Numbers) -> NumberCode | None:
        """Return the code with the statistics of [rows] training values.

        None where they are all alike: an input without spread teaches nothing, and the first
        other value would be any number of standard deviations away.
        """
        missing = np.isnan(train)
        known = train[~missing]
        if len(known) == 0 or known.min() == known.max():
            return None
        fill = float(np.median(known))
        filled = np.where(missing, fill, train)
        flag = bool(missing.sum() >= max(2, _FLAG_SHARE * len(train)))
        mean, scale = float(filled.mean()), float(filled.std())
        if scale == 0:  # spread too small for a float64
            return None
        return cls(column, part, fill, mean, scale, flag)

    def to_config(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class CategoryCode:
    """A category as an id: 0 for what training did not know, else 1 + its place in ``labels``.

    labels: texts; None among them stands for a missing value, which has its own id where
        training rows enough lack one
    boolean, numeric: how values are read (see table_values)
    """

    column: str
    labels: tuple[str | None, ...]
    boolean: bool = False
    numeric: bool = False

    @property
    def cardinality(self) -> int:
        """Ids, 0 included."""
        return len(self.labels) + 1

    def __call__(self, values: pl.Series) -> NDArray[np.int64]:
        """Return [rows] ids for values of any type."""
        if is_coded(values):
            ids = self._ids(self.texts(categories(values)))
            absent = self._ids(pl.Series([None], dtype=pl.String))[0]
            return by_code(values, ids).fill_null(absent).to_numpy()
        if isinstance(values.dtype, NESTED):
            values = as_text(values)
        if values.dtype.is_float():
            values = values.fill_nan(None)
        distinct = values.unique()
        ids = self._ids(self.texts(distinct))
        if distinct.dtype == pl.Null:
            return np.full(len(values), ids[0] if len(ids) else 0, dtype=np.int64)
        coded = values.replace_strict(distinct, ids, return_dtype=pl.Int64)
        return coded.to_numpy()

    def texts(self, values: pl.Series) -> pl.Series:
        """Return the texts that ``labels`` are made of, null where missing."""
        if self.boolean:
            return as_boolean(values).cast(pl.String)
        return as_text(values, numeric=self.numeric)

    def _ids(self, texts: pl.Series) -> pl.Series:
        index = {label: i + 1 for i, label in enumerate(self.labels)}
        return pl.Series([index.get(text, 0) for text in texts], dtype=pl.Int64)

    @classmethod
    def fit(
        cls, column: str, train: pl.Series, *, boolean: bool = False, numeric: bool = False
    ) -> CategoryCode:
        """Return the code of the categories of the training rows that are common enough."""
        if boolean:
            labels: list[str | None] = ["false", "true"]
            absent = train.null_count()
        else:
            counts = train.value_counts()
            texts = cls(column, (), numeric=numeric).texts(counts.to_series(0))
            rows = Counter[str | None]()
            for text, count in zip(texts, counts.to_series(1), strict=True):
                rows[text] += count
            absent = rows.pop(None, 0)
            common = [pair for pair in rows.items() if pair[1] >= FEWEST_PER_CATEGORY]
            common.sort(key=lambda pair: (-pair[1], str(pair[0])))
            labels = sorted((text for text, _ in common[:MOST_CATEGORIES]), key=str)
        if absent >= FEWEST_PER_CATEGORY:
            labels.append(None)
        return cls(column, tuple(labels), boolean, numeric)

    def to_config(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CategoryCode:
        """Read what ``to_config`` gave."""
        return cls(**{**config, "labels": tuple(config["labels"])})
