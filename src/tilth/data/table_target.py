"""What the target column asks for: one of some classes, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tilth.data.coded_text import plain
from tilth.data.decimal_comma import decimal_mark
from tilth.data.table_infer import Parsed
from tilth.data.table_values import as_number, as_text, clean
from tilth.errors import UserError, choose

Task = Literal["classify", "regress"]
_MOST_WHOLE_CLASSES = 20
_ROWS_PER_WHOLE_CLASS = 10
_MOST_CLASSES_SHARE = 0.5  # distinct labels per row, from which they are no classes


@dataclass(frozen=True)
class TargetValues:
    """The target column, understood.

    values: String labels or Float64 numbers, null where missing or unreadable; zeros where nothing
    is wanted
    why: why it is what it is; order: labels in their order (classes)
    """

    kind: Literal["classes", "number", "none"]
    values: pl.Series
    why: str
    order: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What was inferred, and why."""
        if self.kind == "none":
            return self.why
        what = f"one of {len(self.order)} classes" if self.kind == "classes" else "a number"
        return f"{self.values.name} is predicted as {what}: {self.why}"


def no_target(rows: int) -> TargetValues:
    """Return the target of rows of which nothing is wanted."""
    return TargetValues("none", pl.zeros(rows, pl.Int8, eager=True), "the rows have no targets")


def read_target(raw: pl.Series, parsed: Parsed, task: str | None) -> TargetValues:
    """Return the target as classes or numbers.

    task: "classify" or "regress" overrides the inference

    Raises UserError for a target without values, with one value, of dates, or of as many
    labels as rows.

    >>> column = pl.Series("kind", ["cat", "dog", "cat"])
    >>> read_target(column, Parsed(column), None).order
    ('cat', 'dog')
    """
    if task is not None:
        choose(task, ("classify", "regress"), "task")
    raw, values = plain(raw), plain(parsed.values)
    known = values.drop_nulls()
    if len(known) == 0:
        raise UserError(
            f"the target {raw.name!r} has no values",
            rule="what is to be predicted must be known for the rows to learn from",
            fix="choose another target, or fill it in",
        )
    if values.dtype.is_temporal() or parsed.nested:
        what = "dates" if values.dtype.is_temporal() else "nested values"
        raise UserError(
            f"the target {raw.name!r} holds {what}", rule="a target is classes or a number"
        )
    distinct = known.n_unique()
    if distinct == 1:
        missing = len(values) - len(known)
        where = f" where it is known ({missing} of {len(values)} are missing)" if missing else ""
        raise UserError(
            f"the target {raw.name!r} is always {known[0]!r}{where}",
            rule="a target needs two values",
            fix="choose another target, or add rows with another value",
        )
    words = raw.dtype == pl.String and values.dtype == pl.Boolean
    inferred, why = _infer(raw if words else values, parsed, distinct)
    if task is not None and task != inferred:
        inferred, why = task, "as you said"  # type: ignore[assignment]
    other = "regress" if inferred == "classify" else "classify"
    doubtful = values.dtype.is_numeric() or parsed.nearly == "number"  # words are classes
    hint = f" (task={other!r} or --task {other} overrides)"
    hint = hint if doubtful and why != "as you said" else ""
    if inferred == "regress":
        texts = values.dtype == pl.String
        numbers = as_number(raw, decimal_mark(raw)) if texts else as_number(values)
        if numbers.drop_nulls().n_unique() < 2:
            raise UserError(f"the target {raw.name!r} holds no numbers to learn from")
        return TargetValues("number", numbers, why + hint)
    # "yes" is understood as true, but answers are given in the user's own words
    labels = clean(raw) if words else as_text(values)
    if distinct > max(_MOST_CLASSES_SHARE * len(known), 2):
        raise UserError(
            f"the target {raw.name!r} has {distinct} different values in {len(known)} rows",
            rule="classes need several rows each",
            fix='for numbers give task="regress" (--task regress); else choose another target',
        )
    return TargetValues("classes", labels, why + hint, _ordered(labels, values))


def _infer(values: pl.Series, parsed: Parsed, distinct: int) -> tuple[Task, str]:
    known = values.drop_nulls()
    if not values.dtype.is_numeric():
        if parsed.nearly == "number":
            examples = ", ".join(repr(text) for text in parsed.misfits)
            return "classify", f"not all of its values are numbers ({examples})"
        truth = values.dtype == pl.Boolean
        return "classify", "it is true or false" if truth else "its values are words"
    whole = values.dtype.is_integer() or bool((known == known.floor()).all())
    if not whole:
        return "regress", "its values have decimals"
    most = min(_MOST_WHOLE_CLASSES, max(2, len(known) // _ROWS_PER_WHOLE_CLASS))
    if distinct <= most:
        return "classify", f"it has only {distinct} different whole numbers"
    return "regress", f"it has {distinct} different whole numbers"


def _ordered(labels: pl.Series, values: pl.Series) -> tuple[str, ...]:
    """Return the labels in the order of their values (2 before 10)."""
    pairs = pl.DataFrame({"label": labels, "value": values}).drop_nulls().unique("label")
    return tuple(pairs.sort("value", "label")["label"].to_list())


def merge_labels(target: TargetValues, merges: Mapping[str, str]) -> TargetValues:
    """Return the target with each label of ``merges`` replaced by the one it stands for."""
    if not merges:
        return target
    order = tuple(label for label in target.order if label not in merges)
    values = target.values.replace(list(merges), list(merges.values()))
    return TargetValues(target.kind, values, target.why, order)
