"""A table, or a folder of its parts, to data ready for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.dataset import NO_TARGET, BadItem, IntArray, Target
from tilth.data.given_splits import given_splits
from tilth.data.in_threads import in_threads
from tilth.data.label_variants import label_variants
from tilth.data.resident_store import ResidentStore
from tilth.data.row_hash import row_hashes
from tilth.data.split import FRACTIONS
from tilth.data.table_columns import choose_columns, describe_kinds, typed_values
from tilth.data.table_encoder import TableEncoder
from tilth.data.table_infer import Parsed, infer
from tilth.data.table_parts import Parts, read_parts
from tilth.data.table_read import check_bad
from tilth.data.table_set import TableData, encoded_target, fitted_target
from tilth.data.table_split import SplitOptions, Understood, label_counts, split_rows
from tilth.data.table_target import (
    TargetValues,
    merge_labels,
    no_target,
    read_target,
)
from tilth.errors import UserError, choose

__all__ = ["TableData", "read_table"]

FIXES = ("labels",)


def read_table(
    source: Any,
    target: str | None,
    *,
    test: Any = None,
    valid: Any = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    splits: Mapping[str, Any] | None = None,
    fixes: Sequence[str] = (),
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    max_bad: float = 0.01,
) -> TableData:
    """Read a table, infer what its columns are, split it and encode it.

    source: a path (CSV, TSV, gzip of them, Parquet, or a folder with a train and a test table)
        or a frame (polars, pandas, dict of columns); target: the column to predict, None where
        nothing is
    test, valid: further tables; splits: split name -> row numbers, instead of splitting
    task: "classify" or "regress" where the inference is not wanted
    columns: column -> "number", "category", "boolean", "date", "date:FORMAT" or "drop"
    group: column whose values stay in one split; time: column of which test has the latest
    fixes: "labels" merges labels that differ in spelling only
    fractions: of train, valid (a third of which calibrates) and test
    max_bad: share of rows that may be set aside before reading stops with the list

    Raises UserError naming what is wrong with the file, the column or the value.

    >>> rows = {"size": [*range(60)], "kind": ["small"] * 30 + ["large"] * 30}
    >>> data = read_table(rows, "kind", columns={"size": "number"})
    >>> data.target.labels, len(data.splits["test"])
    (('large', 'small'), 9)
    """
    for fix in fixes:
        choose(fix, FIXES, "fix")
    parts = read_parts(source, target, test, valid, max_bad)
    given = given_splits(splits, parts.frame.height)
    for name in (group, time):
        if name is not None:
            choose(name, parts.frame.columns, "column")
    columns_read = in_threads(
        lambda column: infer(column, commas=parts.commas),
        parts.frame.get_columns(),
        parts.frame.height,
    )
    parsed = dict(zip(parts.frame.columns, columns_read, strict=True))
    if target is None:
        wanted = no_target(parts.frame.height)
    else:
        wanted = read_target(parts.frame[target], parsed[target], task)
    if "labels" in fixes and wanted.kind == "classes":
        wanted, note = _merged(wanted, parts)
        parts.notes.append(note)
    keep, bad = _unusable(parts, parsed, wanted, group, time)
    check_bad([*parts.bad, *bad], parts.frame.height + len(parts.bad), max_bad, _name(source))
    table = Understood(parts, parsed, wanted, bad).keep(keep)
    options = SplitOptions(group, time, given, split_seed, fractions)
    return _assemble(table, target, dict(columns or {}), options, _name(source))


def _name(source: Any) -> str:
    return Path(source).name if isinstance(source, (str, Path)) else "table"


def _merged(wanted: TargetValues, parts: Parts) -> tuple[TargetValues, str]:
    merges = label_variants(label_counts(wanted, parts.role == 0))
    listed = ", ".join(f"{label!r} to {kept!r}" for label, kept in merges.items())
    note = f"labels merged: {listed}" if merges else "no labels to merge"
    return merge_labels(wanted, merges), note


def _unusable(
    parts: Parts,
    parsed: Mapping[str, Parsed],
    wanted: TargetValues,
    group: str | None,
    time: str | None,
) -> tuple[NDArray[np.bool_], list[BadItem]]:
    """Return which rows can be used, and the others by name."""
    keep = np.ones(parts.frame.height, dtype=bool)
    bad: list[BadItem] = []
    needed = {wanted.values.name: (wanted.values, "the target")}
    for name, what in ((group, "the group"), (time, "the time")):
        if name is not None:
            needed[name] = (parsed[name].values, what)
    for name, (values, what) in needed.items():
        for row in np.flatnonzero(values.is_null().to_numpy() & keep).tolist():
            found = parts.frame[name][row]
            said = f"is {found!r}" if isinstance(found, str) and found.strip() else "is missing"
            bad.append(BadItem(parts.names[row], f"{what} {name!r} {said}"))
            keep[row] = False
    return keep, bad


def _assemble(
    table: Understood,
    target: str | None,
    overrides: dict[str, str],
    options: SplitOptions,
    name: str,
) -> TableData:
    parts, parsed, wanted = table.parts, table.parsed, table.target
    hashes = row_hashes({name: column.values for name, column in parsed.items()})
    splits, split_notes, facts = split_rows(table, hashes, options)
    reserved = {} if target is None else {target: "the target"}
    if options.group is not None:
        reserved[options.group] = "the group of the split"
    columns = choose_columns(parts.frame, parsed, splits["train"], overrides, reserved)
    frame = pl.DataFrame(
        [typed_values(c, parts.frame[c.name], parsed[c.name]).alias(c.name) for c in columns]
    )
    goal = _target(target, wanted, splits["train"])
    wanted = dataclasses.replace(wanted, order=goal.labels)
    encoder = TableEncoder.fit(frame, columns, splits["train"])
    if not encoder.numbers and not encoder.categories:
        raise UserError("no column differs between rows", rule="there must be something to learn")
    facts.repeated, facts.absent = parts.repeated, parts.absent
    facts.bad = [*parts.bad, *table.bad]
    return TableData(
        name=name,
        target=goal,
        splits=splits,
        notes=[
            *parts.notes,
            wanted.note,
            *_missing_note(parsed),
            *_comma_note(parsed),
            *describe_kinds([column for column in columns if column.name != target]),
            *split_notes,
        ],
        bad_items=facts.bad,
        preprocessor=encoder,
        frame=frame,
        columns=columns,
        labels=wanted.values,
        inputs=ResidentStore(encoder.encode(frame)),
        values=encoded_target(goal, wanted.values),
        hashes=hashes,
        names=parts.names,
        facts=facts,
    )


def _target(name: str | None, wanted: TargetValues, train: IntArray) -> Target:
    if name is None:
        return NO_TARGET
    if wanted.kind == "number":
        return fitted_target(Target(name, "number"), wanted.values, train)
    seen = set(wanted.values[train].unique().to_list())
    return Target(name, "classes", tuple(label for label in wanted.order if label in seen))


def _missing_note(parsed: Mapping[str, Parsed]) -> list[str]:
    tokens: dict[str, list[str]] = {}
    for name, column in parsed.items():
        for text in column.missing:
            if text:
                tokens.setdefault(text, []).append(name)
    return [f"{text!r} counts as missing in {', '.join(names)}" for text, names in tokens.items()]


def _comma_note(parsed: Mapping[str, Parsed]) -> list[str]:
    names = [name for name, column in parsed.items() if column.decimal == ","]
    return [f"the comma is the decimal mark of {', '.join(names)}"] if names else []
