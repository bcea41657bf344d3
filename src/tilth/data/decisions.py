"""What a person decided about rows: a CSV file that only ever grows.

One line a decision: ``item`` (the row's name), ``decision`` (keep, relabel, drop, or undo, which
takes back the item's last one in force), ``label`` (the new one), ``was`` (the label before),
``kind`` (why it was looked at), ``time`` (UTC; lines written at once share it). A line is on the
disk before it counts, and a half line that a kill left behind is no decision.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from tilth.errors import UserError, choose

CHOICES = ("keep", "relabel", "drop", "undo")


@dataclass(frozen=True)
class Decision:
    """One line of the file; label: what a relabelled item is from now on."""

    item: str
    decision: str
    label: str = ""
    was: str = ""
    kind: str = ""
    time: str = ""


COLUMNS = tuple(field.name for field in fields(Decision))


def now() -> str:
    """Return the time in UTC, to the microsecond: what is written at once shares it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def append(path: Path, decisions: Sequence[Decision]) -> None:
    """Add lines to the file, and wait until the disk has them; the first brings the head.

    A half line at the end, which a kill left behind, is taken away first.
    Raises UserError for a decision that is none, and for a new label that is empty.
    """
    for one in decisions:
        _check(one)
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        if file.seek(0, os.SEEK_END) == 0:
            lines.writerow(COLUMNS)
        lines.writerows(asdict(one).values() for one in decisions)
        file.write(written.getvalue().encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())


def _check(one: Decision) -> None:
    choose(one.decision, CHOICES, "decision")
    if one.decision == "relabel" and not one.label.strip():
        raise UserError(f"{one.item} relabelled as {one.label!r}", rule="a label is not empty")
    broken = [value for value in asdict(one).values() if "\n" in value or "\r" in value]
    if broken:
        raise UserError(f"{broken[0]!r}", rule="a decision is one line")


def read(path: str | Path) -> list[Decision]:
    """Return the lines of a file of decisions, in order; half lines are left out.

    Raises UserError for a file that is not there, has other columns, or a line that is none.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise UserError(
            f"decisions={str(path)!r} cannot be read ({error.strerror or error})",
            fix="tilth review RUN writes RUN/decisions.csv",
        ) from error
    whole = text.split("\n")[:-1]  # what follows the last newline is a half line
    # line by line, so that a quotation mark which a kill left open ends with its line
    lines = [next(csv.reader([line]), []) for line in whole]
    head = tuple(lines[0]) if lines else ()
    if not set(COLUMNS[:3]) <= set(head):
        raise UserError(
            f"{path} has the columns {', '.join(head) or '(none)'}",
            rule=f"a file of decisions has {', '.join(COLUMNS)}",
        )
    found = []
    for number, cells in enumerate(lines[1:], 2):
        if not cells:
            continue
        values = dict(zip(head, cells, strict=False))
        one = Decision(**{name: values.get(name, "") for name in COLUMNS})
        try:
            _check(one)
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error.found}", fix=error.fix) from None
        found.append(one)
    return found


def in_force(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Return item -> its last decision that was not taken back, in the order they were made.

    >>> lines = [Decision("a", "drop"), Decision("a", "keep"), Decision("a", "undo")]
    >>> in_force(lines)["a"].decision
    'drop'
    """
    stacks: dict[str, list[Decision]] = {}
    for one in decisions:
        stack = stacks.pop(one.item, [])
        if one.decision != "undo":
            stacks[one.item] = [*stack, one]
        elif stack[:-1]:
            stacks[one.item] = stack[:-1]
    return {item: stack[-1] for item, stack in stacks.items()}


def last_made(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions that were written at once, the latest that are not taken back."""
    open_ones: list[Decision] = []
    for one in decisions:
        if one.decision != "undo":
            open_ones.append(one)
            continue
        places = [place for place, made in enumerate(open_ones) if made.item == one.item]
        if places:
            del open_ones[places[-1]]
    if not open_ones:
        return []
    return [one for one in open_ones if one.time == open_ones[-1].time]


def digest(decided: Mapping[str, Decision]) -> str:
    """Return a SHA-256 of what decisions in force do to data, whatever their order."""
    lines = sorted(
        f"{item}\0{one.decision}\0{one.label}"
        for item, one in decided.items()
        if one.decision != "keep"
    )
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest() if lines else ""
