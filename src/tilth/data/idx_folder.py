"""A folder of idx files in pairs, as MNIST and its relatives come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tilth.data.augment import Wish
from tilth.data.dataset import SPLITS
from tilth.data.idx import read_idx
from tilth.data.image_arrays import image_arrays
from tilth.data.image_files import SPLIT_NAMES
from tilth.data.image_set import ImageData
from tilth.data.split import FRACTIONS
from tilth.errors import UserError


def read_idx_folder(
    folder: Path,
    files: Sequence[Path],
    *,
    size: int | Sequence[int] | None = None,
    augment: Wish = True,
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
) -> ImageData:
    """Read pairs of idx files: ``train-images-idx3-ubyte.gz`` with ``train-labels-idx1-...``.

    The part of the name before "images" says the split (t10k is test); a single pair is split
    by content. Raises UserError where a pair is incomplete or its lengths differ.
    """
    pairs = _pairs(folder, files)
    images, labels, given, start = [], [], {}, 0
    for split, (image_file, label_file) in pairs.items():
        image, label = read_idx(image_file), read_idx(label_file)
        if label.ndim != 1 or len(label) != len(image):
            raise UserError(
                f"{image_file.name} holds {len(image)} pictures, {label_file.name} labels of "
                f"shape {label.shape}",
                rule="each picture has one label",
            )
        images.append(image)
        labels.append(label)
        given[split] = np.arange(start, start + len(image))
        start += len(image)
    data = image_arrays(
        np.concatenate(images),
        np.concatenate(labels),
        splits=given if "train" in given and len(given) > 1 else None,
        size=size,
        augment=augment,
        split_seed=split_seed,
        fractions=fractions,
        name=folder.name,
    )
    read = ", ".join(f"{pair[0].name} ({split})" for split, pair in pairs.items())
    data.notes.insert(0, f"idx files: {read}")
    return data


def _pairs(folder: Path, files: Sequence[Path]) -> dict[str, tuple[Path, Path]]:
    """Return split -> (images, labels)."""
    names = {re.sub(r"[^a-z0-9]", "", _stem(path)): path for path in files}
    found: dict[str, tuple[Path, Path]] = {}
    for name, path in names.items():
        if "images" not in name:
            continue
        wanted = re.sub(r"idx[34]", "idx1", name.replace("images", "labels"))
        if wanted not in names:
            raise UserError(
                f"{path.name} has no file of labels beside it",
                rule="idx pictures and labels come in pairs: train-images-idx3-ubyte.gz and "
                "train-labels-idx1-ubyte.gz",
                choices=[other.name for other in files],
            )
        split = _split_name(name)
        if split in found:
            raise UserError(
                f"{found[split][0].name} and {path.name} are both {split}",
                rule="a folder holds one data set",
                fix="move the other one to its own folder",
            )
        found[split] = (path, names[wanted])
    if not found:
        raise UserError(
            f"no idx file of pictures in {folder}",
            rule="looked for a name with 'images', such as train-images-idx3-ubyte.gz",
            choices=[path.name for path in files],
        )
    if len(found) > 1 and "train" not in found:
        raise UserError(f"{folder} has {', '.join(found)} but no train pictures")
    return {split: found[split] for split in SPLITS if split in found}


def _stem(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def _split_name(name: str) -> str:
    before = name.split("images")[0]
    for split, spellings in {**SPLIT_NAMES, "test": (*SPLIT_NAMES["test"], "t10k")}.items():
        if any(spelling in before for spelling in spellings):
            return split
    return "train"
