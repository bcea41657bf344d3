"""Which files of a folder are a table's train, valid and test part."""

from __future__ import annotations

import re
from pathlib import Path

from tilth.errors import UserError

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data", ".test", ".train", ".parquet", ".pq")
_ROLES = {
    "train": {"train", "training"},
    "valid": {"valid", "val", "validation", "dev"},
    "test": {"test", "testing", "holdout"},
}
_ALSO_TRAIN = {"data"}  # adult.data beside adult.test; weaker than the words above


def table_files(folder: Path) -> dict[str, Path]:
    """Return the table files of ``folder`` by role: train, and valid and test where there.

    A role is a word of the file's name (train.csv, adult.test.gz, hour_valid.parquet). A single
    table file is train whatever its name. Empty where the folder holds no table.

    Raises UserError where two files claim one role, or several files none.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and is_table_file(path))
    if len(files) == 1:
        return {"train": files[0]}
    roles: dict[str, list[Path]] = {}
    for path in files:
        role = _role(path)
        if role:
            roles.setdefault(role, []).append(path)
    for role, paths in roles.items():
        if len(paths) > 1:
            raise UserError(
                f"{folder} holds {len(paths)} tables that could be {role}",
                choices=[path.name for path in paths],
                fix="give the files by name, or move the others away",
            )
    if files and "train" not in roles:
        raise UserError(
            f"{folder} holds tables but none named train",
            choices=[path.name for path in files],
            fix="give the file by name, or name the files train.csv, valid.csv, test.csv",
        )
    return {role: paths[0] for role, paths in roles.items()}


def is_table_file(path: Path) -> bool:
    """Say whether the name of a file is that of a table.

    >>> [is_table_file(Path(name)) for name in ("a.csv", "adult.data.gz", "cat.jpg", "a.names")]
    [True, True, False, False]
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in TABLE_SUFFIXES and not path.name.startswith(".")


def _role(path: Path) -> str | None:
    words = re.split(r"[^a-z]+", path.name.lower())
    for role, names in _ROLES.items():
        if names & set(words):
            return role
    return "train" if _ALSO_TRAIN & set(words) else None
