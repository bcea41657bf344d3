"""What can be wrong with a table: labels, copies, columns that tell too much or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.data.class_findings import class_findings, unseen_finding
from tilth.data.dataset import MOST_ITEMS, BadItem, Finding, IntArray, ItemId, Target, worst_first
from tilth.data.label_variants import told_variants
from tilth.data.row_hash import content_hashes, row_hashes
from tilth.data.table_columns import Column, like_an_id
from tilth.data.table_leaks import LEAK, NOTABLE_SHIFT, column_strength, exact_sum, shift
from tilth.wording import column_kind, counted

_MOST_ROWS = 10_000  # that are looked at for leaks and shifts: a second for twenty columns
_TINY = 100
_MOSTLY_MISSING = 0.5
_NOTABLE_COPIES = 0.01  # of the test rows


@dataclass
class Facts:
    """What was seen while reading.

    unseen: label -> rows of a given valid or test table whose label training lacks
    variants: label -> label that it seems to be another spelling of, not merged
    repeated: column names that occur more than once; absent: columns that test lacks
    shared_groups: groups with rows in several given tables; bad: rows that were set aside
    """

    unseen: dict[str, list[str]] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    shared_groups: list[str] = field(default_factory=list)
    bad: list[BadItem] = field(default_factory=list)


@dataclass(frozen=True)
class Features:
    """The inputs of all rows, for looking at one column at a time.

    numbers: [rows, n] with nan where missing; ids: [rows, c] category ids; with their names
    """

    numbers: NDArray[np.float64]
    ids: IntArray
    number_names: Sequence[str]
    category_names: Sequence[str]

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float64], bool]]:
        """Yield the name, the [rows] values and whether they are categories, per column."""
        for i, name in enumerate(self.number_names):
            yield name, self.numbers[:, i], False
        for i, name in enumerate(self.category_names):
            yield name, self.ids[:, i].astype(np.float64), True


def find_trouble(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    features: Features,
    target: Target,
    values: NDArray[np.generic],
    splits: Mapping[str, IntArray],
    *,
    row_name: ItemId,
    facts: Facts,
) -> list[Finding]:
    """Return the findings of a table, errors first.

    frame: every column, the target too; values: [rows] class ids, standardised numbers or zeros
    """
    found = [*_read_findings(facts), *_size(splits)]
    if target.kind == "classes":
        ids = values.astype(np.int64)
        of_classes = class_findings(ids, target.labels, splits, row_name)
        # said of the facts, with the labels that train lacks
        found += [finding for finding in of_classes if finding.code != "label_variants"]
    wanted = target.kind != "none"
    found += _target(target, frame[target.name]) if wanted else ()
    found += _column_findings(columns)
    found += _missing(frame, columns, splits["train"])
    found += _copies(frame, columns, values, splits, row_name)
    found += _leaks(features, target, values, splits["train"]) if wanted else ()
    found += _shifts(features, columns, splits)
    found = [finding for finding in found if not _follows(finding, facts)]
    return worst_first(found)


def _follows(finding: Finding, facts: Facts) -> bool:
    """Say whether rows left out for the spelling of their label explain the finding."""
    meant = {kept for label, kept in facts.variants.items() if label in facts.unseen}
    if finding.code in ("class_not_in_valid", "class_not_in_test"):
        return set(finding.items) <= meant
    return finding.code == "empty_split" and bool(meant)


def _read_findings(facts: Facts) -> Iterator[Finding]:
    if facts.bad:
        yield Finding(
            "unreadable",
            "warning",
            counted(
                len(facts.bad),
                "row cannot be used and was set aside",
                "rows cannot be used and were set aside",
            ),
            "mend or delete them",
            tuple(f"{bad.item}: {bad.reason}" for bad in facts.bad[:MOST_ITEMS]),
        )
    if facts.variants:
        lost = sum(len(facts.unseen.get(label, ())) for label in facts.variants)
        what = told_variants(facts.variants)
        if lost:
            what += "; " + counted(lost, "row is", "rows are") + " left out for it"
        yield Finding(
            "label_variants",
            "error" if lost else "warning",
            what,
            "--fix labels (fixes=('labels',)) merges them so",
            tuple(facts.variants),
        )
    unseen = {label: rows for label, rows in facts.unseen.items() if label not in facts.variants}
    if unseen:
        yield unseen_finding(unseen)
    if facts.repeated:
        names = ", ".join(facts.repeated)
        yield Finding(
            "repeated_names",
            "warning",
            f"columns with the same name: {names}",
            "rename or delete all but one",
            tuple(facts.repeated),
        )
    if facts.absent:
        yield Finding(
            "absent_columns",
            "warning",
            f"columns that train has and another table lacks: {', '.join(facts.absent)}",
            "they count as missing there: add them, or leave them out of train",
            tuple(facts.absent),
        )
    if facts.shared_groups:
        yield Finding(
            "shared_groups",
            "warning",
            counted(len(facts.shared_groups), "group has", "groups have")
            + " rows in more than one of the tables given",
            "the test score is too good by what the model knows of them",
            tuple(facts.shared_groups[:MOST_ITEMS]),
        )


def _size(splits: Mapping[str, IntArray]) -> Iterator[Finding]:
    rows = sum(len(members) for members in splits.values())
    if rows < _TINY:
        yield Finding(
            "tiny",
            "warning",
            f"the table is small ({counted(rows, 'row')}): scores will be uncertain",
            "collect more rows, or use k-fold",
        )
    empty = [name for name, members in splits.items() if len(members) == 0]
    if empty:
        yield Finding(
            "empty_split",
            "warning",
            f"no rows are left for {' and '.join(empty)}",
            "give more rows, or other fractions",
        )


def _column_findings(columns: Sequence[Column]) -> Iterator[Finding]:
    words = {
        "empty_column": ("info", "columns without a value"),
        "constant_column": ("info", "columns with one value"),
        "id_column": ("info", "columns that name the rows"),
        "text_column": ("warning", "columns of written text, which tables do not use"),
        "nested_column": ("warning", "columns of nested values"),
        "numbers_as_text": ("warning", "columns of numbers that are stored as text"),
        "dates_as_text": ("warning", "columns of dates that are stored as text"),
        "ambiguous_dates": ("warning", "columns of dates in doubt"),
    }
    fixes = {
        "ambiguous_dates": ("say how they are written: ", "date:%d/%m/%Y"),
        "numbers_as_text": ("read them as numbers: ", "number"),
        "dates_as_text": ("read them as dates: ", "date"),
    }
    for code, (severity, what) in words.items():
        found = [column for column in columns if column.doubt == code]
        if found:
            listed = "; ".join(f"{column.name} ({column.why})" for column in found)
            how, kind = fixes.get(code, ("left out; to keep one: ", "category"))
            fix = how + column_kind(found[0].name, kind)
            if code in ("empty_column", "constant_column"):
                fix = "left out: they tell no rows apart"
            yield Finding(
                code,
                severity,  # type: ignore[arg-type]
                f"{what}: {listed}",
                fix,
                tuple(column.name for column in found),
            )


def _missing(frame: pl.DataFrame, columns: Sequence[Column], train: IntArray) -> Iterator[Finding]:
    used = [column.name for column in columns if column.kind != "drop"]
    counts = frame.select(used)[train].null_count().row(0)
    shares = {name: n / max(1, len(train)) for name, n in zip(used, counts, strict=True) if n}
    if shares:
        listed = ", ".join(
            f"{name} {share:.1%}" for name, share in sorted(shares.items(), key=lambda p: -p[1])
        )
        most = max(shares.values())
        yield Finding(
            "missing_values",
            "warning" if most > _MOSTLY_MISSING else "info",
            f"missing values in train: {listed}",
            "they are filled and flagged; look into columns that are mostly missing",
            tuple(shares),
        )


def _copies(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    values: NDArray[np.generic],
    splits: Mapping[str, IntArray],
    row_name: ItemId,
) -> Iterator[Finding]:
    inputs = row_hashes({c.name: frame[c.name] for c in columns if c.kind != "drop"})
    whole = pl.Series(content_hashes(inputs, values))
    train = splits["train"]
    test = np.concatenate([splits[name] for name in splits if name != "train"])
    across = test[whole[test].is_in(whole[train].implode()).to_numpy()]
    if len(across):
        share = len(across) / len(test)
        yield Finding(
            "duplicates_across_splits",
            "warning" if share >= _NOTABLE_COPIES else "info",
            counted(len(across), "row", "rows")
            + f" of valid, calibrate and test ({share:.1%}) also stand in train",
            "if they are one observation entered twice, delete the copies or split by group",
            _pairs(whole, across, train, row_name),
        )
    copies = train[~whole[train].is_first_distinct().to_numpy()]
    if len(copies):
        yield Finding(
            "duplicates",
            "info",
            counted(
                len(copies),
                "row of train is a copy of another row",
                "rows of train are copies of another row",
            ),
            "delete them if they are one observation entered twice",
            _pairs(whole, copies, train, row_name),
        )
    every = np.concatenate(list(splits.values()))
    conflicts = whole[every].n_unique() - pl.Series(inputs)[every].n_unique()
    if conflicts:
        yield Finding(
            "label_conflict",
            "info",
            "rows agree in every column and not in the target: " + counted(conflicts, "time"),
            "no model can tell these apart: is a column missing, or a label wrong?",
        )


def _pairs(hashes: pl.Series, rows: IntArray, among: IntArray, row_name: ItemId) -> tuple[str, ...]:
    """Return "line 41 = line 7" for each of the first ``rows``, with its first copy ``among``."""
    known = hashes[among]
    firsts = (among[(known == hashes[row]).arg_max()] for row in rows[:MOST_ITEMS].tolist())
    return tuple(
        f"{row_name(row)} = {row_name(int(first))}"
        for row, first in zip(rows.tolist(), firsts, strict=False)
    )


def _target(target: Target, values: pl.Series) -> Iterator[Finding]:
    known = values.drop_nulls()
    why = like_an_id(target.name, known) if known.dtype.is_integer() else ""
    if target.kind == "number" and why:
        yield Finding(
            "id_target",
            "warning",
            f"of the target {target.name!r} {why}",
            "what names a row cannot be learned: choose another target",
        )


def _leaks(
    features: Features, target: Target, values: NDArray[np.generic], train: IntArray
) -> Iterator[Finding]:
    rows = _some(train)
    classes = target.kind == "classes"
    telling = {}
    for name, column, category in features:
        strength = column_strength(column[rows], values[rows], category=category, classes=classes)
        if strength > LEAK:
            telling[name] = strength
    if telling:
        measure = "AUC" if classes else "R2"
        listed = ", ".join(f"{name} ({measure} {value:.4f})" for name, value in telling.items())
        yield Finding(
            "leaking_column",
            "warning",
            f"columns that tell the target nearly alone: {listed}",
            f"if not known when predicting, leave out: {column_kind(next(iter(telling)), 'drop')}",
            tuple(telling),
        )
    if not classes and not telling:
        parts = exact_sum(features.numbers[rows], values[rows].astype(np.float64))
        names = [features.number_names[i] for i in parts.tolist()]
        if names:
            yield Finding(
                "leaking_column",
                "warning",
                f"the target is a weighted sum of columns: {', '.join(names)}",
                f"if not known when predicting, leave out: {column_kind(names[0], 'drop')}",
                tuple(names),
            )


def _shifts(
    features: Features, columns: Sequence[Column], splits: Mapping[str, IntArray]
) -> Iterator[Finding]:
    dates = {column.name for column in columns if column.kind == "date"}
    train, test = _some(splits["train"]), _some(splits["test"])
    together = len(features.number_names) + len(features.category_names)
    moved = {}
    for name, column, category in features:
        if name.rpartition(".")[0] not in dates:
            distance = shift(column[train], column[test], category=category, columns=together)
            if distance > NOTABLE_SHIFT:
                moved[name] = distance
    if moved:
        listed = ", ".join(f"{name} ({distance:.2f})" for name, distance in moved.items())
        yield Finding(
            "shift",
            "warning",
            f"columns whose values differ between train and test (largest distance of their "
            f"distributions, from 0 to 1): {listed}",
            "the test score may say little about rows like those of train",
            tuple(moved),
        )


def _some(rows: IntArray) -> IntArray:
    """Return at most 10,000 of ``rows``, spread evenly."""
    if len(rows) <= _MOST_ROWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(np.int64)]
