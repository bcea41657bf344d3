"""From what a person has to data: the first step of the flow."""

from __future__ import annotations

import shlex
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.arguments import checked
from tilth.data.array_table import array_table
from tilth.data.augment import Wish, check_wish, fields_of
from tilth.data.dataset import Data, Rows
from tilth.data.decoder import Fit
from tilth.data.domains import Domains, two_domains
from tilth.data.image_data import ImageData, image_arrays, read_images
from tilth.data.image_files import is_picture
from tilth.data.image_labels import Labels, labels_table
from tilth.data.label_table import ASKED
from tilth.data.partner_files import Partners, partners_folder
from tilth.data.split import FRACTIONS, shares_of
from tilth.data.table_data import FIXES, TableData, read_table
from tilth.data.table_files import is_table_file
from tilth.data.world import World, open_world
from tilth.errors import UserError, choose
from tilth.flow.settings import (
    FOR_BOTH,
    MARKS,
    PICTURES_ONLY,
    TABLES_ONLY,
    WORLD,
    WORLDS_ONLY,
    DataSettings,
)
from tilth.nn.sizes import height_width
from tilth.train.run_folder import CONFIG, RunFolder, is_run, lacking

TASKS = ("classify", "regress")


@checked
def images(
    path: str | Path,
    *,
    labels: Labels | None = None,
    target: str | Sequence[str] = (),
    task: str | None = None,
    masks: Partners | None = None,
    names: str | Sequence[str] = (),
    void: str | Sequence[str] = (),
    pairs: Partners | None = None,
    size: int | tuple[int, int] | None = None,
    grey: bool | None = None,
    fit: Fit | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_bad: float = 0.01,
    resident: bool | None = None,
    max_pixels: int | None = None,
    augment: Wish = True,
) -> ImageData:
    """Read pictures: class folders, train/valid/test folders of them, or a folder of idx files.

    labels: where folders are not the classes: a table (CSV) of names and labels, or a regular
        expression whose group finds the label in the path, or a function Path -> label
    target: the table's columns that are wanted; task: what labels are wanted for: "classify",
        "multilabel" (any number of labels to a picture), "regress" (a number) or "keypoints";
        inferred where it is not said
    masks: where each picture's mask is: a folder, a pattern such as "{folder}annot/{stem}.png", or
        a function Path -> Path; names: what the values of masks are called, from 0 on; void:
        names or values of pixels that are not counted; columns and names are a list, or one text
        with commas between
    pairs: where the picture is that is wanted of each one, in the same ways
    size: side in px the pictures are brought to, or (height, width); grey: drop colour; None
        infers, and says so
    fit: how other proportions are brought to the size: "squash", "crop" (the middle) or "pad";
        by default "squash" where the files have much the same proportions, else "crop"
    fractions: of train, valid and test where the folder has no splits of its own
    max_bad: share of unreadable files that is set aside before reading stops with the list
    max_pixels: a picture with more is set aside by its header (100 million by default)
    resident: whether decoded pictures are held in memory; chosen by measured size otherwise
    augment: how training pictures are varied: True for what is usual for their size, the fields
        of ``tilth.data.augment.Augment`` that differ ({"rotate_degrees": 5}), or False for none
    Raises UserError for a folder in which no such layout is found.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> for label, shade in (("dark", 0), ("light", 200)):
    ...     Path("shades", label).mkdir(parents=True)
    ...     for number in range(20):
    ...         Image.new("L", (8, 8), shade + number).save(f"shades/{label}/{number}.png")
    >>> images("shades").target.labels
    ('dark', 'light')
    """
    columns = listed(target)
    options: dict[str, Any] = {
        "task": task,
        "names": listed(names),
        "void": listed(void),
        "size": size,
        "grey": grey,
        "fit": fit,
        "resident": resident,
        "split_seed": split_seed,
        "fractions": fractions,
        "max_bad": max_bad,
        "max_pixels": max_pixels,
    }
    marks: dict[str, Any] = {"labels": labels, "masks": masks, "pairs": pairs}
    found = read_images(path, **marks, target=columns, augment=augment, **options)
    options["augment"] = fields_of(augment)
    places = {"labels": labels_table(labels)}
    for name in ("masks", "pairs"):
        places[name] = marks[name] and partners_folder(marks[name], Path(path))
    marks |= {name: str(place.resolve()) for name, place in places.items() if place is not None}
    marks = {name: str(one) if isinstance(one, Path) else one for name, one in marks.items()}
    if not any(callable(one) for one in marks.values()):  # no file brings back a function
        named = {"target": ",".join(columns) or None, **marks}
        found.origin = {"path": str(Path(path).resolve()), **named, **options}
    return found


def listed(given: str | Sequence[Any]) -> tuple[str, ...]:
    """Return what is a list, or one text with commas between, as texts.

    >>> listed("sky, road"), listed([3]), listed("")
    (('sky', 'road'), ('3',), ())
    """
    if not isinstance(given, str):
        return tuple(str(one).strip() for one in given)
    return tuple(part.strip() for part in given.split(",") if part.strip())


@checked
def table(
    source: Any,
    target: str,
    *,
    task: str | None = None,
    test: Any = None,
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    fixes: Sequence[str] = (),
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_bad: float = 0.01,
) -> TableData:
    """Read a table: CSV, TSV, Parquet (or a folder with a train and a test one), or a frame.

    source: a path, or a polars or pandas frame; target: the column to predict
    task: "classify" or "regress" where the inference is not wanted; test: a second table
    columns: column -> kind where the inference is wrong; fixes: repairs, such as "labels"
    group, time: columns that the splits respect
    Raises UserError naming what is wrong with the file, the column or the value.

    >>> import polars as pl
    >>> rooms = [1 + n % 7 for n in range(60)]
    >>> frame = pl.DataFrame({"rooms": rooms, "price": [90.5 + 30 * n for n in rooms]})
    >>> table(frame, "price", task="regress").target.kind
    'number'
    """
    options: dict[str, Any] = {
        "test": test,
        "task": task,
        "group": group,
        "time": time,
        "columns": dict(columns or {}),
        "fixes": tuple(fixes),
        "split_seed": split_seed,
        "fractions": fractions,
        "max_bad": max_bad,
    }
    found = read_table(source, target, **options)
    found.origin = {"group": group, "time": time}
    if all(isinstance(part, str | Path | None) for part in (source, test)):
        places = {"path": str(Path(source).resolve())}
        if test is not None:
            places["test"] = str(Path(test).resolve())
        found.origin = {"target": target, **options, **places}
    return found


@checked
def arrays(
    inputs: Any,
    targets: Any = None,
    *,
    task: str | None = None,
    splits: Mapping[str, Any] | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_bad: float = 0.01,
) -> Rows:
    """Take NumPy arrays or torch tensors: [N, features] is a table, 3 or 4 dimensions pictures.

    inputs: [N, H, W], [N, H, W, C] or [N, C, H, W] pictures, or [N, features] numbers
    targets: [N] classes or numbers, None for tasks that need none
    splits: split name -> row numbers
    max_bad: share of rows that may be set aside (no target, a label that train lacks)

    >>> pictures = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    >>> arrays(pictures, np.arange(60) % 3).model_arguments()["channels"]
    1
    """
    if targets is None and task is not None:
        raise UserError(
            f"task={task!r} without targets",
            rule="it says how targets are read",
            fix="leave task out here, or give targets",
        )
    make = array_table if np.ndim(inputs) == 2 else image_arrays
    return make(
        inputs,
        targets,
        task=task,
        splits=splits,
        split_seed=split_seed,
        fractions=fractions,
        max_bad=max_bad,
    )


@checked
def domains(
    source: Any,
    target: Any,
    *,
    size: int | tuple[int, int] | None = None,
    grey: bool | None = None,
    fit: Fit | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_bad: float = 0.01,
    resident: bool | None = None,
    max_pixels: int | None = None,
    augment: Wish = True,
) -> Domains:
    """Put two sets of pictures beside each other: to adapt to the target, or to translate.

    source, target: a path as for ``tl.images`` (pictures without class folders have no labels),
        what ``tl.images`` or ``tl.arrays`` gave, or an array of pictures without labels
    The other arguments are those of ``tl.images``, for paths; the target is brought to the size
    of the source where nothing is said.
    Raises UserError for two sets that are one, or that one net could not take.

    >>> pictures = np.random.default_rng(0).integers(0, 128, (2, 60, 16, 16), dtype=np.uint8)
    >>> pair = domains(arrays(pictures[0], np.arange(60) % 3), pictures[1] + 128)
    >>> pair.labelled, len(pair.splits["train"])
    (False, 84)
    """
    options: dict[str, Any] = {
        "size": size,
        "grey": grey,
        "fit": fit,
        "split_seed": split_seed,
        "fractions": fractions,
        "max_bad": max_bad,
        "resident": resident,
        "max_pixels": max_pixels,
        "augment": augment,
    }
    paths = [one for one in (source, target) if isinstance(one, str | Path)]
    usual = {"split_seed": 0, "fractions": FRACTIONS, "max_bad": 0.01, "augment": True}
    for name, value in options.items():
        if not paths and value != usual.get(name):
            raise UserError(
                f"{name}={value!r} where no folder is read",
                rule=f"{name} is how tl.images reads a folder",
                fix=f"leave {name} out, or give it to tl.images",
            )
    first = one_domain(source, options)
    ready = first.preprocessor
    second = one_domain(target, {**options, "size": size or (ready.height, ready.width)})
    found = two_domains(first, second)
    if len(paths) == 2:
        path, onto = (str(Path(one).resolve()) for one in paths)
        found.origin = {"path": path, "onto": onto, **options, "augment": fields_of(augment)}
    return found


def one_domain(given: Any, options: Mapping[str, Any]) -> ImageData:
    """Return one set of pictures: as it is, read from a path, or an array without labels."""
    if isinstance(given, ImageData):
        return given
    if isinstance(given, str | Path):
        return images(given, **options)
    if np.ndim(given) in (3, 4):
        return image_arrays(given)
    raise UserError(
        f"a {type(given).__name__} as one of two domains",
        rule="a domain is a folder of pictures, what tl.images or tl.arrays gave, or an array of "
        "pictures [N, H, W], [N, H, W, C] or [N, C, H, W]",
    )


@checked
def world(name: str, arguments: Mapping[str, Any] | None = None) -> World:
    """Open a world to act in: "MiniPong", "RoadWorld", or one that gymnasium knows.

    arguments: plain values for its constructor
    Raises UserError for names that nobody knows, with what to install where that is the reason.

    >>> world("CartPole-v1").splits["test"].size
    100
    """
    return open_world(name, arguments)


def read(settings: DataSettings) -> Data:
    """Read the data that settings name: a world, a table where there is a target, else pictures.

    Raises UserError for what ``check_data_settings`` refuses, before anything is read.
    """
    check_data_settings(settings)
    if settings.path.startswith(WORLD):
        return world(settings.path.removeprefix(WORLD), settings.arguments)
    path = Path(settings.path)
    used = TABLES_ONLY if wants_table(settings) else PICTURES_ONLY
    options = {name: getattr(settings, name) for name in (*used, *FOR_BOTH)}
    options["fractions"] = settings.fractions or FRACTIONS
    onto, decisions = options.pop("onto", None), options.pop("decisions", None)
    if onto is not None:
        two = {k: v for k, v in options.items() if k not in (*MARKS, "target", "task")}
        return domains(path, onto, **two)
    if wants_table(settings):
        return table(path, **options)
    found = images(path, **{**options, "target": settings.target or ()})
    return found if decisions is None else found.apply(decisions)


def check_data_settings(settings: DataSettings) -> None:
    """Raise UserError for what can be told wrong without reading the data.

    A path that is not there, a table without a target, settings that do not apply to what is at
    the path, and values outside their range.
    """
    path = Path(settings.path)
    if settings.path.startswith(WORLD):
        refuse_settings_of_others(settings, path, "a world")
        return
    if not settings.path or not path.exists():
        raise UserError(
            f"there is nothing at {settings.path!r}" if settings.path else "no data was named",
            rule="data is a folder of pictures, a folder of idx files, a table, or env:WORLD",
            fix="check the spelling of the path",
        )
    if is_run(path):
        raise _run_as_data(RunFolder(path))
    is_one = wants_table(settings)
    if is_one and not settings.target:
        raise UserError(
            f"{path} is a table and no target was named",
            rule="the column to predict has to be said",
            choices=column_names(path),
            fix="add --target COLUMN",
        )
    refuse_settings_of_others(settings, path, "a table" if is_one else "a folder of pictures")
    for name, offered in (("task", TASKS if is_one else ASKED), ("fit", typing.get_args(Fit))):
        if getattr(settings, name) is not None:
            choose(getattr(settings, name), offered, name)
    for fix in settings.fixes:
        choose(fix, FIXES, "fix")
    if settings.onto is not None:
        check_onto(settings)
    check_places(settings)
    check_ranges(settings)


def _run_as_data(folder: RunFolder) -> UserError:
    """Say that a run was named where data was asked for, and what trains with its settings."""
    ways = []
    if not lacking(folder.config):
        ways = [f"tilth train {shlex.quote(str(folder.path / CONFIG))} trains anew"]
        ways += [] if folder.status == "done" else [f"{folder.goes_on_with} goes on with it"]
    return UserError(
        f"{folder.path} is a run ({folder.status}), no data",
        rule="data is a folder of pictures, a folder of idx files, a table, or env:WORLD",
        fix=", ".join(ways) or "name what it was trained on",
    )


def check_places(settings: DataSettings) -> None:
    """Raise UserError where a file beside the data was named that is not there."""
    if settings.test is not None and not Path(settings.test).exists():
        raise UserError(f"test={settings.test!r}: there is nothing", fix="check the spelling")
    labels = labels_table(settings.labels)
    if labels is not None and not labels.exists():
        raise UserError(f"labels={settings.labels!r}: there is nothing", fix="check the spelling")
    if settings.decisions is not None and not Path(settings.decisions).is_file():
        raise UserError(
            f"decisions={settings.decisions!r}: there is no such file",
            fix="tilth review RUN writes RUN/decisions.csv",
        )


def check_onto(settings: DataSettings) -> None:
    """Raise UserError for a second set that is not there, is the first, or has labels read."""
    path, onto = Path(settings.path), Path(settings.onto or "")
    if not onto.exists():
        raise UserError(f"onto={settings.onto!r}: there is nothing", fix="check the spelling")
    if onto.resolve() == path.resolve():
        raise UserError(
            f"{path} is both source and target",
            rule="source and target are two sets of pictures",
            fix="name the folder of the target after --onto",
        )
    marked = [n for n in (*MARKS, "target", "task") if getattr(settings, n) not in (None, ())]
    told = {name: "the labels of either are its class folders" for name in marked}
    if settings.decisions is not None:
        told["decisions"] = "the decisions of a review are about one set"
    for name, rule in told.items():
        raise UserError(
            f"{name}={getattr(settings, name)!r} with two sets of pictures",
            rule=rule,
            fix="in Python: tl.domains(tl.images(path, labels=...).apply(...), ...)",
        )


def check_ranges(settings: DataSettings) -> None:
    """Raise UserError for values outside their range."""
    if settings.fractions is not None:
        shares_of(settings.fractions)
    if not 0 <= settings.max_bad <= 1:
        raise UserError(f"max_bad={settings.max_bad}", rule="max_bad is a share, from 0 to 1")
    if settings.size is not None:
        height_width(settings.size, at_least=4)
    check_wish(settings.augment)


OF_OTHERS = {
    "a table": {"pictures": PICTURES_ONLY, "worlds": WORLDS_ONLY},
    "a folder of pictures": {"tables": TABLES_ONLY, "worlds": WORLDS_ONLY},
    "a world": {"pictures": PICTURES_ONLY, "tables": TABLES_ONLY, "data sets": FOR_BOTH},
}
"""Kind of data -> whose settings it does not have."""


def refuse_settings_of_others(settings: DataSettings, path: Path, kind: str) -> None:
    """Raise UserError where a setting was given that another kind of data has; see OF_OTHERS."""
    usual = DataSettings()
    for other, names in OF_OTHERS[kind].items():
        for name in names:
            value = getattr(settings, name)
            if value != getattr(usual, name):
                rule = f"{name} is a setting of {other}"
                if name == "task":  # other tasks are for other data
                    rule = f"{', '.join(ASKED)} say how the targets of {other} are read"
                raise UserError(
                    f"{name}={value!r} for {path}, which is {kind}",
                    rule=rule,
                    fix=f"leave {name} out",
                )


def wants_table(settings: DataSettings) -> bool:
    """Say whether a table is meant: by the path, or by a target where the path could be one."""
    path = Path(settings.path)
    if settings.labels or settings.masks or settings.pairs:
        return False
    if is_table(path) or not settings.target:
        return is_table(path)
    return path.is_file() or any(is_table(one) for one in path.iterdir() if one.is_file())


def is_table(path: Path) -> bool:
    """Say whether a path is a table's, or a folder's that holds tables and nothing else to read."""
    if path.is_file():
        return is_table_file(path)
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    if any(entry.is_dir() or is_picture(entry) for entry in entries):
        return False
    return any(is_table_file(entry) for entry in entries)


def column_names(path: Path) -> list[str]:
    """Return the first table's columns, for the message that asks for a target."""
    from tilth.data.table_read import read_frame

    tables = [path] if path.is_file() else sorted(e for e in path.iterdir() if is_table(e))
    return list(read_frame(tables[0]).frame.columns)
