"""Rows that a trained generator makes up, as files."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tilth import files
from tilth.audit.latent import shown
from tilth.audit.sample_grid import tiled
from tilth.errors import UserError
from tilth.ship.predictor import load
from tilth.ship.sampler import Sampler

SHEET = "sheet.png"
MOST_ON_SHEET = 100


def sample_to(
    model: Path, folder: Path, *, count: int, seed: int = 0, label: str | None = None
) -> dict[str, Any]:
    """Make ``count`` rows with a run or a bundle, write them into a folder, and say what is there.

    Pictures become PNG files, in a folder for each label where they were made for one, beside a
    sheet of the first hundred; rows of numbers a ``samples.csv``, the label in its last column.

    Raises UserError for a model that does not make rows up.
    """
    sampler = load(model)
    if not isinstance(sampler, Sampler):
        raise UserError(
            f"{model} makes nothing up",
            rule="only a generator is sampled: what `tilth train DATA --task generate` makes",
            fix="one that gives codes is asked in Python: tl.load(RUN).sample(8)",
        )
    made = sampler.sample(count, seed=seed, label=label)
    labels = sampler.labels_for(count) if label is None else [label] * count
    written = _pictures(folder, made, labels) if made.ndim > 2 else _table(folder, made, labels)
    return {"folder": str(folder), "count": count, "files": written, "labels": list(sampler.labels)}


def _pictures(folder: Path, made: NDArray[Any], labels: list[str]) -> int:
    planes = _planes(made)
    for place, drawn in enumerate(shown(planes)):
        inside = folder / _plain(labels[place]) if labels else folder
        files.replace_bytes(inside / f"{place:05d}.png", base64.b64decode(drawn["png"]))
    (sheet,) = shown(tiled(planes[:MOST_ON_SHEET])[None])
    files.replace_bytes(folder / SHEET, base64.b64decode(sheet["png"]))
    return len(planes) + 1


def _table(folder: Path, made: NDArray[Any], labels: list[str]) -> int:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow([f"x{place}" for place in range(made.shape[1])] + (["label"] if labels else []))
    for place, row in enumerate(made.tolist()):
        rows.writerow(row + labels[place : place + 1])
    files.write_text(folder / "samples.csv", written.getvalue())
    return 1


def _planes(made: NDArray[Any]) -> Tensor:
    """Return pictures [N, C, H, W] in 0..1; of other units than 8 bits, from least to most."""
    pixels = torch.from_numpy(made).float()
    low, high = (0.0, 255.0) if made.dtype == np.uint8 else (float(made.min()), float(made.max()))
    planes = pixels[:, None] if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2)
    return (planes - low) / ((high - low) or 1.0)


def _plain(label: str) -> str:
    """Return a label as the name of a folder, whatever it holds.

    >>> _plain("../a b"), _plain("3")
    ('_.._a_b', '3')
    """
    kept = re.sub(r"[^\w.-]", "_", label)
    return kept if kept.strip("._") == kept and kept else f"_{kept}"
