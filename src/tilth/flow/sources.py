"""From what a person has to data: the first step of the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.dataset import Data
from tilth.data.image_data import ImageData, image_arrays, read_images
from tilth.data.table_data import TableData, read_table
from tilth.errors import UserError
from tilth.flow.arguments import checked
from tilth.flow.settings import DataSettings

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".test", ".parquet", ".pq")
FRACTIONS = (0.7, 0.15, 0.15)


@checked
def images(
    path: str | Path,
    *,
    size: int | None = None,
    grey: bool | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_bad: float = 0.01,
    resident: bool | None = None,
) -> ImageData:
    """Read pictures: class folders, train/valid/test folders of them, or a folder of idx files.

    size: side in px the pictures are brought to; grey: drop colour; None infers, and says so
    fractions: of train, valid and test where the folder has no splits of its own
    max_bad: share of unreadable files that is set aside before reading stops with the list
    resident: whether decoded pictures are held in memory; chosen by measured size otherwise
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
    found = read_images(
        path,
        size=size,
        grey=grey,
        split_seed=split_seed,
        fractions=fractions,
        max_bad=max_bad,
        resident=resident,
    )
    found.origin = {
        "path": str(Path(path).resolve()),
        "size": size,
        "grey": grey,
        "split_seed": split_seed,
        "max_bad": max_bad,
        "resident": resident,
    }
    return found


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
    found = read_table(
        source,
        target,
        test=test,
        task=task,
        columns=columns,
        group=group,
        time=time,
        fixes=tuple(fixes),
        split_seed=split_seed,
        fractions=fractions,
        max_bad=max_bad,
    )
    if isinstance(source, str | Path):
        found.origin = {
            "path": str(Path(source).resolve()),
            "target": target,
            "task": task,
            "group": group,
            "time": time,
            "columns": dict(columns or {}),
            "fixes": tuple(fixes),
            "split_seed": split_seed,
            "max_bad": max_bad,
        }
    return found


@checked
def arrays(
    inputs: Any,
    targets: Any,
    *,
    task: str | None = None,
    splits: Mapping[str, Any] | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> Data:
    """Take NumPy arrays or torch tensors: [N, features] is a table, 3 or 4 dimensions pictures.

    inputs: [N, H, W], [N, H, W, C] or [N, C, H, W] pictures, or [N, features] numbers
    targets: [N] classes or numbers; splits: split name -> row numbers

    >>> pictures = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    >>> arrays(pictures, np.arange(60) % 3).model_arguments()["channels"]
    1
    """
    array = inputs.numpy() if hasattr(inputs, "numpy") else np.asarray(inputs)
    if array.ndim == 2:
        import polars as pl

        frame = pl.DataFrame({f"x{i}": array[:, i] for i in range(array.shape[1])})
        values = targets.tolist() if hasattr(targets, "tolist") else list(targets)
        frame = frame.with_columns(pl.Series("target", values))
        return read_table(
            frame, "target", task=task, splits=splits, split_seed=split_seed, fractions=fractions
        )
    return image_arrays(
        array,
        targets,
        task=task,
        splits=splits,
        split_seed=split_seed,
        fractions=fractions,
    )


def read(settings: DataSettings) -> Data:
    """Read the data that settings name: a table where there is a target, else pictures.

    Raises UserError for a path that is not there or a table without a target.
    """
    path = Path(settings.path)
    if not settings.path or not path.exists():
        raise UserError(
            f"there is nothing at {settings.path!r}" if settings.path else "no data was named",
            rule="data is a folder of pictures, a folder of idx files, or a table",
            fix="check the spelling of the path",
        )
    if settings.target or is_table(path):
        if not settings.target:
            raise UserError(
                f"{path} is a table and no target was named",
                rule="the column to predict has to be said",
                choices=column_names(path),
                fix="add --target COLUMN",
            )
        return table(
            path,
            settings.target,
            task=settings.task,
            columns=settings.columns,
            group=settings.group,
            time=settings.time,
            fixes=settings.fixes,
            split_seed=settings.split_seed,
            max_bad=settings.max_bad,
        )
    return images(
        path,
        size=settings.size,
        grey=settings.grey,
        split_seed=settings.split_seed,
        max_bad=settings.max_bad,
        resident=settings.resident,
    )


def is_table(path: Path) -> bool:
    """Say whether a path is a table's, or a folder's that holds tables and no folders."""
    if path.is_file():
        return Path(path.name.removesuffix(".gz")).suffix.lower() in TABLE_SUFFIXES
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    return any(is_table(entry) for entry in entries if entry.is_file()) and not any(
        entry.is_dir() for entry in entries
    )


def column_names(path: Path) -> list[str]:
    """Return the first table's columns, for the message that asks for a target."""
    from tilth.data.table_read import read_frame

    tables = [path] if path.is_file() else sorted(e for e in path.iterdir() if is_table(e))
    return list(read_frame(tables[0]).frame.columns)
