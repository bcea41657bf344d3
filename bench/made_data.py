"""Generated data for the benches, made once with fixed seeds in the user's cache folder.

$TILTH_BENCH_CACHE names another folder. Nothing of it is ever committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

NUMBERS = tuple(f"n{index}" for index in range(10))
CARDINALITIES = (2, 3, 5, 8, 12, 20, 50, 100, 300, 1000)
CATEGORIES = tuple(f"c{index}" for index in range(10))
TARGET = "bought"
CLASSES = 10
WARM_ROWS = 500  # a table this small is read first, so that late imports are nobody's first batch
WARM_IMAGES = 20


def cache() -> Path:
    """The folder that generated data lives in."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tilth-bench"
    return Path(os.environ.get("TILTH_BENCH_CACHE", default))


def table(rows: int) -> Path:
    """A CSV of ten number and ten category columns and a yes/no target that depends on them.

    Two number columns miss 3 % of their values; categories are text with 2 to 1,000 levels.
    """
    path = cache() / f"table-{rows}.csv"
    if path.exists():
        return path
    generator = np.random.default_rng(0)
    numbers = generator.standard_normal((rows, len(NUMBERS)))
    codes = np.stack([generator.integers(0, n, rows) for n in CARDINALITIES], axis=1)
    score = numbers[:, :5] @ np.array([1.0, -0.7, 0.5, 0.3, -0.2]) + numbers[:, 0] * numbers[:, 5]
    for column, levels in enumerate(CARDINALITIES):
        score += generator.normal(0, 0.4, levels)[codes[:, column]]
    answer = generator.random(rows) < 1 / (1 + np.exp(-score))
    texts = [np.char.mod("%.5g", numbers[:, column]) for column in range(len(NUMBERS))]
    for column in (3, 7):
        texts[column][generator.random(rows) < 0.03] = ""
    for column, levels in enumerate(CARDINALITIES):
        names = np.array([f"v{level:03d}" for level in range(levels)])
        texts.append(names[codes[:, column]])
    texts.append(np.where(answer, "yes", "no"))
    header = ",".join((*NUMBERS, *CATEGORIES, TARGET))
    lines = (",".join(row) for row in zip(*(text.tolist() for text in texts), strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    with aside.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        file.writelines(line + "\n" for line in lines)
    aside.rename(path)
    return path


def folder(count: int) -> Path:
    """`count` JPEGs of 256 to 500 pixels a side in ten class folders, smooth like photographs.

    A picture is coarse colour noise enlarged, fine noise on top and a bar whose angle is the class.
    """
    from PIL import Image, ImageDraw

    place = cache() / f"folder-{count}"
    if place.exists():
        return place
    aside = place.with_name(f"{place.name}.{os.getpid()}")
    generator = np.random.default_rng(0)
    for index in range(count):
        label = index % CLASSES
        width, height = (int(side) for side in generator.integers(256, 501, 2))
        coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        angle = np.pi * label / CLASSES
        reach = 0.45 * min(width, height) * np.array([np.cos(angle), np.sin(angle)])
        middle = np.array([width, height]) / 2
        ends = [tuple(middle - reach), tuple(middle + reach)]
        ImageDraw.Draw(picture).line(ends, fill="white", width=16)
        grain = generator.integers(-12, 13, (height, width, 3))
        pixels = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
        inside = aside / f"class{label}"
        inside.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(inside / f"{index:05d}.jpg", quality=90)
    aside.rename(place)
    return place
