"""How well a review finds what was planted, by seed.

    TILTH_DATA=... python -m bench.review labels 0 1 2
    TILTH_DATA=... python -m bench.review copies 10 11 12
    python -m bench.review lasso 0 1 2

"labels": 5,000 pictures of MNIST's train, 250 of them with another label; nets of four folds, the
default net, 8 epochs each (a fifth of the 40 that so many rows have); flagged by confident
learning. "copies": 100 pictures of a set made smaller, compressed, cropped by up to 5 % of each
edge, or darker and brighter, 25 each, among all of it. "lasso": a simulated person labels 500
digits on the maps of a net that was taught odd and even.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import tilth as tl
from tests.audit.review.lassoing import label_by_lasso
from tilth.audit.review.label_errors import label_errors
from tilth.audit.review.near_copies import near_copies
from tilth.data.dataset import Rows
from tilth.data.idx import read_idx
from tilth.data.resident_store import ResidentStore
from tilth.flow.learner import Learner
from tilth.flow.out_of_fold import out_of_fold

Found = dict[str, float]
SETS = {"cifar10_small": ("cifar10_small.zip", 32), "utkface_small": ("utkface_small.zip", 64)}
FOLDS, EPOCHS = 4, 8


def labels(seed: int) -> Found:
    """Precision and recall of the flagged among 5 % wrong labels."""
    folder, stream = Path(os.environ["TILTH_DATA"], "mnist"), np.random.default_rng(seed)
    pictures = read_idx(folder / "train-images-idx3-ubyte.gz")
    digits = read_idx(folder / "train-labels-idx1-ubyte.gz").astype(int)
    rows = stream.permutation(len(digits))[:5000]
    wrong = np.zeros(5000, dtype=bool)
    wrong[stream.permutation(5000)[:250]] = True
    given = np.where(wrong, (digits[rows] + stream.integers(1, 10, 5000)) % 10, digits[rows])

    def make(part: Rows) -> Learner:
        settings = {"epochs": EPOCHS, "seed": seed, "dtype": "float32"}
        return tl.Learner(part, "small_resnet", quiet=True, **settings)

    data = tl.arrays(pictures[rows], given)
    with tempfile.TemporaryDirectory() as kept:
        said = out_of_fold(data, make, folds=FOLDS, seed=seed, kept=Path(kept))
    found = label_errors(given[said.rows], said.probabilities)
    flagged = said.rows[found.places]
    return {
        "flagged": len(flagged),
        "precision": wrong[flagged].mean(),
        "recall": wrong[flagged].sum() / wrong.sum(),
    }


def copies(seed: int) -> Found:
    """Recall of planted copies by set, and how many other pairs are flagged."""
    found: Found = {}
    for name, (archive, side) in SETS.items():
        stream = np.random.default_rng(seed)
        with zipfile.ZipFile(Path(os.environ["TILTH_DATA"], name, archive)) as pack:
            names = sorted(one for one in pack.namelist() if one.endswith((".png", ".jpg")))
            chosen = [names[place] for place in stream.permutation(len(names))[:2000]]
            pictures = [Image.open(io.BytesIO(pack.read(one))).convert("RGB") for one in chosen]
        planted = [WAYS[place % 4](pictures[place], stream) for place in range(100)]
        planes = [np.asarray(one.resize((side, side))) for one in [*pictures, *planted]]
        store = ResidentStore(torch.from_numpy(np.stack(planes).transpose(0, 3, 1, 2).copy()))
        pairs = near_copies(store, np.arange(len(planes)), 255.0).pairs
        wanted = {(place, len(pictures) + place) for place in range(100)}
        got = set(map(tuple, pairs.tolist()))
        found[f"{name} recall"] = len(got & wanted) / 100
        found[f"{name} others"] = len(got - wanted)
    return found


def smaller(picture: Image.Image, stream: np.random.Generator) -> Image.Image:
    share = stream.uniform(0.5, 0.9)
    return picture.resize([round(share * side) for side in picture.size], Image.Resampling.LANCZOS)


def compressed(picture: Image.Image, stream: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(stream.integers(30, 70)))
    return Image.open(file).convert("RGB")


def without_edges(picture: Image.Image, stream: np.random.Generator) -> Image.Image:
    (width, height), cut = picture.size, stream.uniform(0.01, 0.05, 4)
    right, low = width - round(cut[2] * width), height - round(cut[3] * height)
    return picture.crop((round(cut[0] * width), round(cut[1] * height), right, low))


def otherwise_lit(picture: Image.Image, stream: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(stream.uniform(0.75, 1.25))


WAYS = [smaller, compressed, without_edges, otherwise_lit]


def lasso(seed: int) -> Found:
    """Share of 500 digits labelled rightly, beside 20 random labels and a linear model."""
    with tempfile.TemporaryDirectory() as folder:
        found = label_by_lasso(seed, Path(folder))
    digits, rows = load_digits(), found.rows
    some = np.random.default_rng(seed).permutation(rows)[:20]
    simple = LogisticRegression(max_iter=500).fit(digits.data[some], digits.target[some])
    return {
        "right": found.right,
        "lassos": found.lassos,
        "clicked out": found.pruned,
        "20 labels, linear": simple.score(digits.data[rows], digits.target[rows]),
    }


MEASURED: dict[str, Callable[[int], Found]] = {"labels": labels, "copies": copies, "lasso": lasso}


def main(arguments: list[str]) -> None:
    """Print one line a seed."""
    what, *seeds = arguments
    for seed in seeds:
        found = MEASURED[what](int(seed))
        print(what, seed, ", ".join(f"{name} {value:.4g}" for name, value in found.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
