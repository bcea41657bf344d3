"""How the rows of a table, or of several, are divided into splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.class_findings import unseen_notes
from tilth.data.coded_text import plain
from tilth.data.dataset import BadItem, IntArray, SplitNote
from tilth.data.label_variants import label_variants
from tilth.data.split import complete, split
from tilth.data.table_findings import Facts
from tilth.data.table_infer import Parsed
from tilth.data.table_parts import Parts
from tilth.data.table_target import TargetValues
from tilth.errors import UserError


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """What the user asked for; see ``read_table``. Row numbers of ``splits`` are checked."""

    group: str | None
    time: str | None
    splits: Mapping[str, IntArray]
    seed: int
    fractions: Sequence[float]


@dataclasses.dataclass
class Understood:
    """The rows of all parts with what was understood of them; ``rows`` are those left."""

    parts: Parts
    parsed: dict[str, Parsed]
    target: TargetValues
    bad: list[BadItem]
    rows: IntArray = dataclasses.field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def keep(self, keep: NDArray[np.bool_]) -> Understood:
        """Return the table without the rows where ``keep`` is false."""
        rows = np.flatnonzero(keep)
        if keep.all():
            return dataclasses.replace(self, rows=rows)
        parts = dataclasses.replace(
            self.parts, frame=self.parts.frame[rows], names=self.parts.names.pick(rows)
        )
        parsed = {
            name: dataclasses.replace(column, values=column.values[rows])
            for name, column in self.parsed.items()
        }
        target = dataclasses.replace(self.target, values=self.target.values[rows])
        return Understood(parts, parsed, target, self.bad, rows)


def split_rows(
    table: Understood, hashes: NDArray[np.uint64], options: SplitOptions
) -> tuple[dict[str, IntArray], list[str], Facts]:
    """Return the splits, how they were made, and what is wrong with those that were given."""
    wanted, parts = table.target, table.parts
    facts = Facts()
    given = {role: np.flatnonzero(parts.role == i) for i, role in enumerate(parts.roles)}
    if options.splits:
        given = _left(options.splits, table.rows)
    if wanted.kind == "classes":
        given = _without_unseen(given, table, facts)
    how: dict[str, Any] = {"fractions": options.fractions, "seed": options.seed}
    word = "at random"
    if wanted.kind == "classes":
        codes = wanted.values.replace_strict(
            list(wanted.order), list(range(len(wanted.order))), return_dtype=pl.Int64
        )
        how["strata"], word = codes.to_numpy(), "by class"
    elif wanted.kind == "number":
        how["numbers"], word = wanted.values.to_numpy(), "by quantile of the target"
    if options.group is not None:
        groups = table.parsed[options.group].values.cast(pl.String)
        how["groups"] = groups.to_list()
        facts.shared_groups = _shared(groups, given)
        word = f"by group ({options.group})"
    if options.time is not None:
        how["time"] = _moments(plain(table.parsed[options.time].values), options.time)
        word = f"by time ({options.time}): the latest rows are test"
    if set(given) == {"train"} and len(given["train"]) == len(hashes):
        splits = split(hashes, **how)
    else:
        splits = complete(given, hashes, **how)
        word = f"{', '.join(given)} as given, the rest {word}"
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in splits.items())
    note = SplitNote(f"rows are split {word}: {sizes} (split seed {options.seed})")
    return splits, [note, *unseen_notes(facts.unseen, "row")], facts


def _left(splits: Mapping[str, IntArray], rows: IntArray) -> dict[str, IntArray]:
    """Return the given splits as places among ``rows``, those that are left."""
    return {name: np.flatnonzero(np.isin(rows, chosen)) for name, chosen in splits.items()}


def _without_unseen(
    given: Mapping[str, IntArray], table: Understood, facts: Facts
) -> dict[str, IntArray]:
    """Leave rows whose label training lacks out of the given splits, and keep their names."""
    labels = table.target.values
    in_train = np.zeros(len(labels), dtype=bool)
    in_train[given["train"]] = True
    counts = label_counts(table.target, in_train)
    facts.variants = label_variants(counts)
    known = labels.is_in([label for label, count in counts.items() if count]).to_numpy()
    kept = {}
    for name, rows in given.items():
        for row in rows[~known[rows]].tolist():
            facts.unseen.setdefault(labels[row], []).append(table.parts.names[row])
        kept[name] = rows[known[rows]]
    return kept


def _shared(groups: pl.Series, given: Mapping[str, IntArray]) -> list[str]:
    members = [set(groups[rows].to_list()) for rows in given.values()]
    return sorted(
        {name for i, one in enumerate(members) for two in members[:i] for name in one & two}
    )


def _moments(values: pl.Series, name: str) -> NDArray[np.float64]:
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        raise UserError(
            f"the time column {name!r} holds {values.dtype}",
            rule="a split by time needs numbers or dates",
        )
    return values.to_physical().cast(pl.Float64).to_numpy()


def label_counts(wanted: TargetValues, rows: NDArray[np.bool_]) -> dict[str, int]:
    """Return how many of the ``rows`` have each label of the whole table (0 for some)."""
    counts = dict(wanted.values.filter(pl.Series(rows)).value_counts().iter_rows())
    return {label: counts.get(label, 0) for label in wanted.order}
