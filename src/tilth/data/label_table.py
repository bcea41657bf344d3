"""What a table says of pictures: a class, several labels, a number or points each, and a split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from tilth.data.dataset import BadItem, Kind
from tilth.data.image_files import PICTURE_SUFFIXES, split_of
from tilth.data.table_read import read_frame
from tilth.data.table_values import clean
from tilth.errors import UserError, choose
from tilth.wording import counted

NAMES = ("name", "file", "filename", "file_name", "path", "image", "image_id", "id")
LABELS = ("label", "labels", "class", "category", "target")
SPLIT = "split"
_BETWEEN = (";", "|", ",", " ")  # what may stand between several labels, the likeliest first
_ACROSS, _DOWN = re.compile(r"^(.*?)x(\d*)$", re.I), re.compile(r"^(.*?)y(\d*)$", re.I)

ASKED = {"classify": "classes", "multilabel": "labels", "regress": "number", "keypoints": "points"}
"""Task -> the kind of target that labels are read as for it."""


@dataclass
class Told:
    """What was found out about pictures.

    values: picture -> a text (classes), texts (labels), a number, or [(x, y), ...] (points)
    names: of the labels or points, where the table has columns for them; target: what the one
        column that says it is called, if it is; asked: whether the task was said
    splits: picture -> "train", "valid" or "test", where the table says so
    """

    kind: Kind
    values: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    target: str = ""
    splits: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    gaps: list[BadItem] = field(default_factory=list)
    asked: bool = False

    @property
    def called(self) -> str:
        """What is wanted, in words."""
        return self.target or "what stands beside the pictures"


def read_label_table(
    table: Path,
    pictures: Sequence[str],
    *,
    target: Sequence[str] = (),
    task: str | None = None,
) -> Told:
    """Return what a table (CSV, TSV, Parquet) says of pictures, known by path, name or stem.

    pictures: relative paths; target: the columns that are wanted; task: what they are wanted for
    (a key of ASKED), inferred where it is not said: one column of numbers that are not all whole
    is a number, several columns are labels where all hold 0 or 1, another column is the class
    A column "split" with train, valid and test is taken as the split.
    Raises UserError for columns that are not there or do not fit what is asked for.
    """
    if not table.is_file():
        raise UserError(f"labels={str(table)!r}: there is no such file", fix="check the spelling")
    frame = read_frame(table).frame
    known = _ways_to_say(pictures)
    place = _place_column(frame, table, known)
    others = [name for name in frame.columns if name != place]
    wanted = _wanted_columns(frame, table, others, target, task)
    kind = _kind(frame, wanted, task)
    called = wanted[0] if len(wanted) == 1 else ""
    if frame.width == 2 and _is_picture(place, known):  # a table without a line of names
        called = ""
        first = dict(zip(frame.columns, ([name] for name in frame.columns), strict=True))
        frame = pl.concat([pl.DataFrame(first), frame.cast(pl.String)])
        kind = _kind(frame, wanted, task)
    told = Told(kind, target=called, asked=task is not None)
    said = frame[place].cast(pl.String).str.strip_chars().to_list()
    if kind == "number":
        _check_numbers(frame[wanted[0]], said, told)
    values = _READERS[kind](frame, wanted, told)
    parts = _splits(frame, table, wanted)
    for name, value, part in zip(said, values, parts, strict=True):
        picture = known.get(_plain(name))
        if picture is None:
            told.gaps.append(BadItem(str(name), f"in {table.name}, but no one picture"))
            continue
        if part:
            told.splits[picture] = part
        if value is not None and told.values.setdefault(picture, value) != value:
            raise UserError(
                f"{table} says of {picture} both {told.values[picture]!r:.80} and {value!r:.80}",
                rule="a picture has one line",
            )
    told.gaps = list({gap.item: gap for gap in told.gaps}.values())
    return told


def _place_column(frame: pl.DataFrame, table: Path, known: Mapping[str, str]) -> str:
    """Return the column that names pictures: one that is called so, else the one that does most.

    Raises UserError where no column names any picture.
    """
    if frame.width < 2:
        raise UserError(
            f"{table} has {counted(frame.width, 'column')}",
            rule="a table of labels has the pictures in one column and what they show in others",
        )
    low = {column.strip().lower(): column for column in frame.columns}
    called = [low[name] for name in NAMES if name in low]
    texts = [name for name in frame.columns if frame[name].dtype == pl.String]

    def hits(name: str) -> int:
        # the first line may be no line of names
        said = [name, *frame[name].drop_nulls().cast(pl.String)]
        return sum(_plain(one.strip()) in known for one in said)

    for columns in (called, texts or frame.columns[:1]):
        place = max(columns, key=hits, default="")
        if place and hits(place):
            return place
    likely = (called or texts or frame.columns)[0]
    raise UserError(
        f"no picture is named by a column of {table}: {likely!r} has "
        f"{', '.join(map(repr, frame[likely].drop_nulls().head(3).to_list()))}",
        rule="a picture is known by its path in the folder, such as "
        f"{next(iter(known), '')!r}, or by its file's name, with or without the suffix",
        choices=frame.columns[:20],
        fix="correct the names, or name the folder that they are in",
    )


def _wanted_columns(
    frame: pl.DataFrame,
    table: Path,
    others: Sequence[str],
    target: Sequence[str],
    task: str | None,
) -> list[str]:
    if target:
        return [choose(name, others, f"column of {table.name}") for name in target]
    free = [name for name in others if name.strip().lower() != SPLIT] or list(others)
    if task == "keypoints":
        return [name for name in free if numbers_of(frame[name]) is not None]
    if len(free) == 1:
        return free
    low = {column.strip().lower(): column for column in free}
    named = next((low[name] for name in LABELS if name in low), None)
    if named is not None:
        return [named]
    points = "for points give task='keypoints' (--task keypoints)"
    raise UserError(
        f"{table} has {counted(frame.width, 'column')} and no target was named",
        rule="the column to learn has to be said where there are several",
        choices=free[:20],
        fix=points if _are_points(free) else f"--target {free[0]} (target={free[0]!r})",
    )


def _are_points(names: Sequence[str]) -> bool:
    """Say whether columns are pairs by their names, x before y.

    >>> _are_points(["nose_x", "nose_y", "x1", "y1"]), _are_points(["nose_x", "chin_y"])
    (True, False)
    """
    pairs = zip(names[::2], names[1::2], strict=False)
    sides = [(_ACROSS.match(across), _DOWN.match(down)) for across, down in pairs]
    alike = (x is not None and y is not None and x.groups() == y.groups() for x, y in sides)
    return len(names) % 2 == 0 and all(alike)


def _kind(frame: pl.DataFrame, wanted: Sequence[str], task: str | None) -> Kind:
    if task is not None:
        kind: Kind = ASKED[choose(task, ASKED, "task")]  # type: ignore[assignment]
        if kind in ("classes", "number") and len(wanted) > 1:
            raise UserError(
                f"target={', '.join(wanted)} for {task}",
                rule="a class or a number is one column",
                fix="name one, or --task multilabel, or keypoints",
            )
        return kind
    if len(wanted) > 1:
        return "labels"
    numbers = numbers_of(frame[wanted[0]])
    fractions = numbers is not None and bool((numbers.drop_nulls() % 1 != 0).any())
    return "number" if fractions else "classes"


def numbers_of(column: pl.Series) -> pl.Series | None:
    """Return a column as numbers, null where it is empty; None where something is no number.

    >>> numbers_of(pl.Series(["1", " 2.5", ""])).to_list(), numbers_of(pl.Series(["1", "x"]))
    ([1.0, 2.5, None], None)
    """
    texts = column.cast(pl.String).str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False).fill_nan(None)
    known = texts.is_not_null() & ~texts.str.to_lowercase().is_in(["", "nan"])
    odd = (known & numbers.is_null()) | numbers.is_infinite().fill_null(False)
    return None if bool(odd.any()) else numbers


def _odd_row(column: pl.Series) -> int:
    """Return the row of the first value of a column that is no number."""
    values = enumerate(column.to_list())
    return next(row for row, one in values if numbers_of(pl.Series([one])) is None)


def _classes(frame: pl.DataFrame, wanted: Sequence[str], told: Told) -> list[Any]:
    column = frame[wanted[0]].cast(pl.String)
    values: list[Any] = clean(column).to_list()
    if numbers_of(column) is not None and not told.asked:
        told.notes.append(f"{told.called} is taken as classes (numbers to predict: task='regress')")
    elif numbers_of(column) is None:
        known = column.drop_nulls().str.strip_chars()
        numbers = known.cast(pl.Float64, strict=False)
        if 2 * numbers.is_not_null().sum() > len(known) and (numbers.drop_nulls() % 1 != 0).any():
            told.notes.append(
                f"{told.called} is taken as classes for {column[_odd_row(column)]!r}; "
                f"{numbers.is_not_null().sum():,} of {len(known):,} values are numbers "
                "(task='regress' names the others)"
            )
    return values


def _check_numbers(column: pl.Series, pictures: Sequence[str], told: Told) -> None:
    """Raise UserError where something is no number, naming the first picture that has such."""
    if numbers_of(column) is not None:
        return
    row = _odd_row(column)
    raise UserError(
        f"{told.called}={column[row]!r} of {pictures[row]}",
        rule="only numbers can be regressed",
        fix="mend or remove its line in the table, or leave the task out to take all as classes",
    )


def _numbers(frame: pl.DataFrame, wanted: Sequence[str], told: Told) -> list[Any]:
    numbers = numbers_of(frame[wanted[0]])
    assert numbers is not None
    told.notes.append(f"{told.called} is a number to predict")
    return numbers.to_list()


def _several(frame: pl.DataFrame, wanted: Sequence[str], told: Told) -> list[Any]:
    """Read several labels: columns of 0 and 1, or one column with something between them."""
    if len(wanted) > 1:
        texts = frame.select(pl.col(wanted).cast(pl.String).str.strip_chars())
        columns = [column.cast(pl.Float64, strict=False) for column in texts]
        for name, column in zip(wanted, columns, strict=True):
            odd = texts[name].filter(~column.fill_null(-1).is_in([0.0, 1.0]))
            if len(odd):
                raise UserError(
                    f"{name}={odd[0]}",
                    rule="several columns are labels that are there (1) or not (0)",
                    fix="for points: --task keypoints",
                )
        told.names = tuple(wanted)
        rows = zip(*(column.to_list() for column in columns), strict=True)
        return [
            tuple(name for name, there in zip(wanted, row, strict=True) if there) for row in rows
        ]
    said = frame[wanted[0]].cast(pl.String).to_list()
    between = next((sign for sign in _BETWEEN if any(sign in (text or "") for text in said)), ";")
    told.notes.append(f"labels of a picture are divided by {between!r} in {told.called}")
    return [_divided(text, between) for text in said]


def _divided(text: str | None, between: str) -> tuple[str, ...]:
    if text is None:
        return ()  # none of them: what nothing is known of has no line in the table
    parts = (part.strip() for part in text.split(between))
    return tuple(sorted({part for part in parts if part}))


def _points(frame: pl.DataFrame, wanted: Sequence[str], told: Told) -> list[Any]:
    """Read points: columns in pairs, x before y; where either is missing, the point is."""
    if wanted and numbers_of(pl.Series(wanted[:1])) is not None:
        raise UserError(
            f"the columns of the points are called {', '.join(wanted[:4])}: the table seems to "
            "have no line of names",
            rule="points are known by the names of their columns, x before y",
            fix="begin the table with such a line, as in file,nose_x,nose_y",
        )
    if len(wanted) < 2 or len(wanted) % 2:
        raise UserError(
            f"{counted(len(wanted), 'column')} of numbers for points: {', '.join(wanted[:8])}",
            rule="points are pairs of columns, x before y, in pixels of the file",
        )
    told.names = tuple(
        _point_name(across, down, number)
        for number, (across, down) in enumerate(zip(wanted[::2], wanted[1::2], strict=True))
    )
    columns = {name: numbers_of(frame[name]) for name in wanted}
    for name, column in columns.items():
        if column is None:
            raise UserError(
                f"{name}={frame[name][_odd_row(frame[name])]!r}",
                rule="points are numbers of px; an empty cell is a point that is not there",
            )
    rows = pl.DataFrame(columns).fill_null(float("nan"))
    found: list[Any] = []
    for row in rows.iter_rows():
        points = list(zip(row[::2], row[1::2], strict=True))
        seen = any(x == x and y == y for x, y in points)
        found.append(tuple(points) if seen else None)
    return found


def _point_name(across: str, down: str, number: int) -> str:
    """Return what two columns name together; raise UserError where they are no x and y.

    >>> _point_name("nose_x", "nose_y", 0), _point_name("x3", "y3", 3)
    ('nose', '3')
    """
    left, right = _ACROSS.match(across), _DOWN.match(down)
    if left is None or right is None or left.groups() != right.groups():
        raise UserError(
            f"columns {across!r} and {down!r}",
            rule="points are pairs of columns, x before y: nose_x, nose_y or x0, y0",
            fix="name the columns of the points: --target nose_x,nose_y",
        )
    name = f"{left[1].strip('_- ')}{left[2]}"
    return name or str(number)


_READERS = {
    "classes": _classes,
    "number": _numbers,
    "labels": _several,
    "points": _points,
}


def _splits(frame: pl.DataFrame, table: Path, wanted: Sequence[str]) -> list[str]:
    column = next((name for name in frame.columns if name.strip().lower() == SPLIT), None)
    if column is None or column in wanted or frame.width == 2:
        return [""] * len(frame)
    said = frame[column].cast(pl.String).fill_null("").to_list()
    found = [split_of(one.strip()) or "" for one in said]
    odd = next((one for one, part in zip(said, found, strict=True) if not part), None)
    if odd is not None:
        raise UserError(
            f"{table} has a column {column!r} that says {odd!r}",
            rule="it names the split of each picture: train, valid or test",
            fix="correct it, or call the column otherwise",
        )
    return found


def _plain(said: str | None) -> str:
    return PurePosixPath((said or "").replace("\\", "/")).as_posix()


def _is_picture(column: str, known: Mapping[str, str]) -> bool:
    """Say whether what stands over a column is a picture, one that is not there too."""
    place = _plain(column)
    return place in known or PICTURE_SUFFIXES.search(place) is not None


def _ways_to_say(names: Sequence[str]) -> dict[str, str]:
    """Return each picture by its path, and by its name and stem where no other has them."""
    known = {name: name for name in names}
    paths = [PurePosixPath(name) for name in names]
    for short in (
        [path.with_suffix("").as_posix() for path in paths],
        [path.name for path in paths],
        [path.stem for path in paths],
    ):
        counts = Counter(short)
        for name, way in zip(names, short, strict=True):
            if counts[way] == 1:
                known.setdefault(way, name)
    return known
