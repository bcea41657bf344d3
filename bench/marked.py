"""Pictures with other targets than a class, through the flow with its defaults.

    TILTH_DATA=... python -m bench.marked digits age gender faces cells streets text --seeds 3

digits: two or three of MNIST's digits on 56 x 56 px, which ones are there; age, gender: UTKFace;
faces: 68 points; cells: white blood cells, their boxes as masks; streets: CamVid at 96 x 72
(streets-monai: with the net of another library, only where it is named);
text: a line of text on CamVid's pictures, taken away again; larger: cifar10_small at twice its
size. A JSON line per run, with the simple ways beside it, on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

import tilth as tl
from bench.domains import mnist
from tilth.audit.intervals import wilson
from tilth.audit.row_records import unpack
from tilth.randomness import numpy_generator

STREETS = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car",
           "pedestrian", "bicyclist", "void")  # fmt: skip
LARGEST = 28  # px of a digit
CANVAS = 2 * LARGEST
Job = tuple[Any, dict[str, Any]]
"""The data and the arguments of the Learner."""


def several_digits(data: Path, work: Path) -> Job:
    """Return canvases of two or three digits, in quarters of their own, and which are there."""
    parts = []
    for part, rows, seed in (("train", 12_000, 0), ("t10k", 2_000, 1)):
        pictures, labels = mnist(data, part)
        draw = numpy_generator(seed, "canvases")
        chosen = draw.integers(len(pictures), size=(rows, 3))
        canvas = np.zeros((rows, CANVAS, CANVAS), dtype=np.uint8)
        there = np.zeros((rows, 10), dtype=np.int64)
        for row in range(rows):
            quarters = draw.permutation(4)[: draw.integers(2, 4)]
            for quarter, digit in zip(quarters, chosen[row], strict=False):
                top, left = LARGEST * (quarter // 2), LARGEST * (quarter % 2)
                place = np.s_[row, top : top + LARGEST, left : left + LARGEST]
                canvas[place] = pictures[digit, 0].numpy()
                there[row, labels[digit]] = 1
        parts.append((canvas, there))
    first = len(parts[0][0])
    joined = [np.concatenate(both) for both in zip(*parts, strict=True)]
    splits = {"train": np.arange(first), "test": np.arange(first, len(joined[0]))}
    found = tl.arrays(*joined, task="multilabel", splits=splits)
    return found, {"task_arguments": {"beta": 2}}


def unpacked(archive: Path, folder: Path) -> Path:
    """Return a folder that holds what is in an archive."""
    if not folder.exists():
        zipfile.ZipFile(archive).extractall(folder)
    return folder


def age(data: Path, work: Path) -> Job:
    """Return UTKFace's faces and their ages."""
    folder = unpacked(data / "utkface_small" / "utkface_small.zip", work / "utkface")
    table = data / "utkface_small" / "labels.csv"
    return tl.images(folder, labels=table, target="age", task="regress", size=64), {}


def gender(data: Path, work: Path) -> Job:
    """Return UTKFace's faces and the gender they were labelled with."""
    folder = unpacked(data / "utkface_small" / "utkface_small.zip", work / "utkface")
    table = data / "utkface_small" / "labels.csv"
    return tl.images(folder, labels=table, target="gender", size=64), {}


def faces(data: Path, work: Path) -> Job:
    """Return faces and their 68 points."""
    folder = unpacked(data / "face_keypoints_small" / "images.zip", work / "faces")
    table = work / "keypoints.csv"
    pl.read_csv(data / "face_keypoints_small" / "keypoints.csv.gz").write_csv(table)
    return tl.images(folder, labels=table, task="keypoints"), {}


def cells(data: Path, work: Path) -> Job:
    """Return blood smears and the boxes of their white cells, filled."""
    source, target = data / "bccd", work / "cells"
    for part in ("train", "val", "test"):
        names = (source / "ImageSets" / "Main" / f"{part}.txt").read_text().split()
        for name in names:
            picture = target / part / f"{name}.jpg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            if not picture.exists():
                picture.symlink_to(source / "JPEGImages" / f"{name}.jpg")
            mask = target / "masks" / part / f"{name}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            boxes_drawn(source / "Annotations" / f"{name}.xml").save(mask)
    masks = target / "masks"
    return (
        tl.images(
            target,
            masks=lambda picture: masks / picture.relative_to(target).with_suffix(".png"),
            names=("rest", "white cell"),
            size=(96, 128),
        ),
        {},
    )


def boxes_drawn(path: Path) -> Image.Image:
    """Return the mask of the white cells' boxes in an annotation."""
    tree = ElementTree.parse(path).getroot()
    sides = [int(tree.findtext(f"size/{side}") or 0) for side in ("height", "width")]
    mask = np.zeros(sides, dtype=np.uint8)
    for one in tree.iter("object"):
        if one.findtext("name") == "WBC":
            left, top, right, bottom = (
                int(one.findtext(f"bndbox/{side}") or 0)
                for side in ("xmin", "ymin", "xmax", "ymax")
            )
            mask[top:bottom, left:right] = 1
    return Image.fromarray(mask)


def streets(data: Path, work: Path) -> Job:
    """Return CamVid at 96 x 72 px."""
    found = tl.images(
        data / "camvid",
        masks="{folder}annot/{stem}.png",
        names=STREETS,
        void=["void"],
        size=(72, 96),
    )
    return found, {"minutes": 4.0}


def streets_monai(data: Path, work: Path) -> Job:
    """Return the same with the BasicUNet of MONAI (pip install monai), 2.0 million parameters."""
    from monai.networks.nets import BasicUNet

    found, given = streets(data, work)
    return found, {**given, "model": BasicUNet(2, 3, len(STREETS) - 1)}


def text(data: Path, work: Path) -> Job:
    """Return CamVid's pictures at 128 x 96 px, on which text is laid."""
    folder = work / "street pictures"
    for part in ("train", "val", "test"):
        place = folder / part
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.symlink_to(data / "camvid" / part)
    return tl.images(folder, size=(96, 128)), {
        "task": "restore",
        "task_arguments": {"worse": "covered"},
        "minutes": 6.0,
    }


def larger(data: Path, work: Path) -> Job:
    """Return cifar10_small, to be made twice as large."""
    folder = unpacked(next((data / "cifar10_small").glob("*.zip")), work / "cifar")
    inner = [one for one in folder.iterdir() if one.is_dir()]
    root = inner[0] if len(inner) == 1 else folder
    return tl.images(root), {"task": "restore", "minutes": 3.0}


JOBS: dict[str, Callable[[Path, Path], Job]] = {
    "digits": several_digits,
    "age": age,
    "gender": gender,
    "faces": faces,
    "cells": cells,
    "streets": streets,
    "text": text,
    "larger": larger,
}
"""What runs where no job is named."""
NAMED: dict[str, Callable[[Path, Path], Job]] = {"streets-monai": streets_monai}
"""What needs packages that tilth's requirements do not hold."""


def told(run: Any, audit: dict[str, Any]) -> dict[str, Any]:
    """Return what a line says of a run."""
    found: dict[str, Any] = {
        "test": {name: one["value"] for name, one in audit["test"].items()},
        "simple": {
            one["name"]: {name: part["value"] for name, part in one["metrics"].items()}
            for one in audit["baselines"]
        },
    }
    for section in audit.get("sections", []):
        if section["title"] in ("Class by class", "Under the text and beside it"):
            found[section["title"]] = section["table"]["rows"]
    return found


def by_race(run: Any, audit: dict[str, Any], table: Path) -> list[list[Any]]:
    """Return race, rows, share rightly answered and its 95 % interval, on the test rows."""
    data = run.learner.data
    rows = data.splits["test"]
    rows = rows[np.argsort(data.id_keys(rows), kind="stable")]  # as they are kept
    kept = unpack(audit["test_rows"])
    right = kept["truths"] == kept["answers"]
    races = dict(pl.read_csv(table).select("file", "race").iter_rows())
    groups: dict[str, list[bool]] = {}
    for row, hit in zip(rows, right, strict=True):
        name = Path(data.item_id(int(row))).name
        groups.setdefault(races[name], []).append(bool(hit))
    found = []
    for race, hits in sorted(groups.items()):
        interval = wilson(sum(hits), len(hits))
        found.append([race, len(hits), interval.value, interval.low, interval.high])
    return found


def asked(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what is to run: the jobs named, or those of JOBS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS, *NAMED])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    found = parser.parse_args(arguments)
    found.jobs = found.jobs or list(JOBS)
    return found


def main() -> None:
    """Run the jobs asked for."""
    options = asked()
    data, work = Path(os.environ["TILTH_DATA"]).resolve(), Path(tempfile.mkdtemp())
    for name in options.jobs:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            begun = time.perf_counter()
            given, arguments = {**JOBS, **NAMED}[name](data, work)
            run = tl.Learner(
                given, run=work / "runs" / f"{name}-{seed}", seed=seed, quiet=True, **arguments
            ).fit()
            audit = run.audit()
            line = {"job": name, "seed": seed, "seconds": round(time.perf_counter() - begun, 1)}
            line |= told(run, audit)
            if name == "gender":
                line["race"] = by_race(run, audit, data / "utkface_small" / "labels.csv")
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
